import type { Command } from 'commander';
import { parkedMessage, type ParkedKey } from '../../../lib/operate/consumer/parked';
import { formatReceipt } from '../../../lib/event/receipt';
import { planParkedRedrive, skipParked } from '../../../lib/operate/consumer/redrive-parked';
import { aggregateOf } from '../../../lib/consume/inbox-keys';
import { consumerRequests, withParkedRequestOptions, type ParkedRequestOptions } from '../consumer-requests';
import { argument } from '../format';
import { reportRequests } from '../requests';
import { needsYes, runOnInbox } from '../run-in-session';
import { SessionError, type InboxSession } from '../session';

interface SkipOptions extends ParkedRequestOptions {
  readonly at?: string;
  readonly yes?: true;
}

export function addConsumerSkip(consumer: Command): void {
  withParkedRequestOptions(
    consumer
      .command('skip')
      .argument('<key>', 'such as order#42')
      .description('discard the first parked event of a key permanently, and apply the events behind it; needs --yes')
      .option(
        '--at <place>',
        'the event, such as orders-3@1024, as "consumer parked" prints it: no other is discarded',
      ),
  )
    .option('--yes', 'confirms it')
    .action((key: string, options: SkipOptions, command: Command) =>
      runOnInbox(command, (session) => run(session, key, options)),
    );
}

async function run(session: InboxSession, key: string, options: SkipOptions): Promise<number> {
  const { terminal, client } = session;
  const { inbox, consumer, topic, source, aggregate, why, yes } = options;
  const target = { client, tableName: inbox, consumer };
  const { targets } = await planParkedRedrive(target, { keys: [key], topic, source, aggregate });
  const parked = onlyOne(key, targets, options.at);
  const { head } = parked;
  const holds = head === undefined ? undefined : formatReceipt(head);
  if (head === undefined || holds === undefined) throw new SessionError(`skip: nothing of ${key} is parked.`);
  if (options.at !== undefined && options.at !== holds) {
    throw new SessionError(`skip: ${key} is parked at ${holds}, not at ${options.at}. Nothing was discarded.`);
  }
  if (yes !== true) {
    const message = await parkedMessage(target, consumer, parked, head.position);
    terminal.result({ wouldDiscard: { ...parked, message } }, () => [
      `This event would be discarded permanently (with --at ${holds}):`,
      `  ${holds}  ${head.type}  ${head.id}`,
      `  ${parked.why}`,
      '  --json prints it in full.',
    ]);
    return needsYes(session);
  }
  if (options.at === undefined) {
    throw new SessionError(`skip: name the event: --at ${holds} is the first parked one of ${key} now.`);
  }
  const request = { by: await session.by(), at: Date.now(), why };
  const asked = await skipParked(target, parked, request);
  const sent = consumerRequests(session, target, [asked]);
  return reportRequests(session, { ...sent, value: { asked: [asked] }, before: [], nothing: '', failed: 0 }, options);
}

/** Messages without a key can be parked in two partitions. Only the place of the head distinguishes these keys. */
function onlyOne(key: string, targets: readonly ParkedKey[], at: string | undefined): ParkedKey {
  const placeOf = ({ head }: ParkedKey): string | undefined => (head === undefined ? undefined : formatReceipt(head));
  const [first, ...others] = targets;
  if (first === undefined) throw new SessionError(`skip: nothing of ${key} is parked.`);
  const parked = others.length === 0 ? first : targets.find((target) => at !== undefined && placeOf(target) === at);
  if (parked !== undefined) return parked;
  const choices = targets.map(
    (target) =>
      `--at ${placeOf(target) ?? '?'} (--topic ${target.topic} --source ${argument(target.source)} --aggregate ${argument(aggregateOf(target))})`,
  );
  throw new SessionError(`skip: ${key} is parked more than once: add ${choices.join(', or ')}.`);
}
