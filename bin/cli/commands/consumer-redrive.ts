import type { Command } from 'commander';
import { planParkedRedrive, redriveParked } from '../../../lib/operate/consumer/redrive-parked';
import { consumerRequests, nameOf, withParkedRequestOptions, type ParkedRequestOptions } from '../consumer-requests';
import { count, number } from '../format';
import { reportRequests } from '../requests';
import { runOnInbox } from '../run-in-session';
import { SessionError, type InboxSession } from '../session';

interface RedriveOptions extends ParkedRequestOptions {
  readonly all?: true;
  readonly reason?: string;
}

export function addConsumerRedrive(consumer: Command): void {
  withParkedRequestOptions(
    consumer
      .command('redrive')
      .argument('[key...]', 'such as order#42')
      .description('ask the consumer to apply the parked events of keys, after the cause is fixed; safe to repeat')
      .option('--all', 'every key that is parked')
      .option('--reason <text>', 'keys whose reason contains this, such as "no stock"'),
  ).action((keys: string[], options: RedriveOptions, command: Command) =>
    runOnInbox(command, (session) => run(session, keys, options)),
  );
}

async function run(session: InboxSession, keys: readonly string[], options: RedriveOptions): Promise<number> {
  const { terminal, client } = session;
  const { inbox, consumer, topic, source, aggregate, all = false, reason, why } = options;
  if ([keys.length > 0, all, reason !== undefined].filter(Boolean).length !== 1) {
    throw new SessionError('redrive: name keys, or give --all, or --reason TEXT: one of them.');
  }
  const target = { client, tableName: inbox, consumer };
  const selection = { keys: keys.length === 0 ? undefined : keys, topic, source, aggregate, reason };
  const { targets, idle } = await planParkedRedrive(target, selection);
  const request = { by: await session.by(), at: Date.now(), why };
  const report = await redriveParked(target, targets, request, {
    onProgress: (done) => terminal.progress(`${number(done)} of ${count(targets.length, 'request')} sent`),
  });
  const { asked, failed } = report;
  return reportRequests(
    session,
    {
      ...consumerRequests(session, target, asked),
      value: { ...report, idle },
      before: [
        ...idle.map((key) => `${key}: nothing is parked.`),
        ...failed.map(({ key, why: cause }) => `${nameOf(key)}: no request was sent: ${cause}`),
      ],
      nothing: 'No key is parked: there is nothing to redrive.',
      failed: failed.length,
    },
    options,
  );
}
