import type { Command } from 'commander';
import { shownPosition } from '../../../lib/event/position';
import { consumerLag, type KeyLag } from '../../../lib/operate/consumer/consumer-lag';
import { act, EXIT_CODES } from '../act';
import { columns, duration, number } from '../format';
import type { Session } from '../session';

interface LagOptions {
  readonly inbox: string;
  readonly consumer: string;
}

export function addConsumerLag(consumer: Command): void {
  consumer
    .command('lag')
    .argument('<key...>', 'of the outbox, such as order#42')
    .description('compare the newest item of keys in the outbox with what the consumer has applied')
    .requiredOption('--inbox <table>', "the consumer's table (required)")
    .requiredOption('--consumer <name>', 'its name (required)')
    .action((keys: string[], options: LagOptions, command: Command) =>
      act(command, (session) => run(session, keys, options)),
    );
}

async function run({ terminal, target }: Session, keys: readonly string[], options: LagOptions): Promise<number> {
  const { inbox, consumer } = options;
  const lags: KeyLag[] = [];
  for (const key of keys) {
    lags.push(await consumerLag(target, { client: target.client, tableName: inbox, consumer }, key));
  }
  terminal.result(lags, () => lines(lags));
  return lags.every(({ topics }) => topics.every(({ isApplied }) => isApplied)) ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function lines(lags: readonly KeyLag[]): string[] {
  const now = Date.now();
  const rows = lags.flatMap(({ pk, position, committedAt, topics }) =>
    topics.map(({ topic, isApplied, versionsBehind, isParked }) => [
      pk,
      topic,
      shownPosition(position),
      duration(now - committedAt),
      isApplied ? 'yes' : isParked ? 'no: parked' : 'no',
      versionsBehind === undefined ? 'unknown' : number(versionsBehind),
    ]),
  );
  return columns([['KEY', 'TOPIC', 'NEWEST', 'COMMITTED FOR', 'APPLIED', 'VERSIONS BEHIND'], ...rows]);
}
