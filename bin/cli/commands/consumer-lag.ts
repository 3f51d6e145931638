import type { Command } from 'commander';
import { shownPosition } from '../../../lib/event/position';
import { consumerLag, type KeyLag } from '../../../lib/operate/consumer/consumer-lag';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { argument, columns, duration, number, time } from '../format';
import type { Session } from '../session';

interface LagOptions {
  readonly inbox: string;
  readonly consumer: string;
}

export function addConsumerLag(consumer: Command): void {
  consumer
    .command('lag')
    .argument('<key...>', 'such as order#42')
    .description('compare the newest item of keys in the outbox with what the consumer has applied')
    .requiredOption('--inbox <table>', "the consumer's table (required)")
    .requiredOption('--consumer <name>', 'its name (required)')
    .action((keys: string[], options: LagOptions, command: Command) =>
      runInSession(command, (session) => run(session, keys, options)),
    );
}

async function run({ terminal, target }: Session, keys: readonly string[], options: LagOptions): Promise<number> {
  const { inbox, consumer } = options;
  const lags: KeyLag[] = [];
  for (const key of keys) {
    lags.push(await consumerLag(target, { client: target.client, tableName: inbox, consumer }, key));
  }
  terminal.result(lags, () => lines(lags, options));
  return lags.every(({ topics }) => topics.every(({ isApplied }) => isApplied)) ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function lines(lags: readonly KeyLag[], options: LagOptions): string[] {
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
  return [
    ...columns([['KEY', 'TOPIC', 'NEWEST', 'COMMITTED FOR', 'APPLIED', 'VERSIONS BEHIND'], ...rows]),
    ...lags.flatMap((lag) => nextOf(lag, options)),
  ];
}

/** Why a key is not applied, and the next command. */
function nextOf({ pk, topics }: KeyLag, { inbox, consumer }: LagOptions): string[] {
  if (topics.every(({ isApplied }) => isApplied)) return [];
  const parked = topics.flatMap((topic) => topic.parked ?? []);
  const names = `--inbox ${argument(inbox)} --consumer ${argument(consumer)}`;
  return [
    '',
    ...parked.map(({ topic, why, since }) => `${pk}: parked on ${topic} since ${time(since)}: ${why}`),
    parked.length > 0
      ? `Next, when the cause is fixed: outbox consumer redrive ${argument(pk)} ${names} --why "…" --follow`
      : `${pk}: not parked and not applied. Next: outbox explain ${argument(pk)} ${names}`,
  ];
}
