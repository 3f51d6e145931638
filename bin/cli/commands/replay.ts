import type { Command } from 'commander';
import { planReplay, replay } from '../../../lib/operate/replay';
import { act, EXIT_CODES, needsYes } from '../act';
import { parseSince, parseTime } from '../arguments';
import { count } from '../format';
import type { Session } from '../session';

interface ReplayOptions {
  readonly from?: string;
  readonly to?: string;
  readonly since?: number;
  readonly until?: number;
  readonly topic?: string;
  readonly why: string;
  readonly yes?: true;
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .argument('[key...]', 'such as order#42 (default: every key with a processed item in the range; scans the table)')
    .description('publish processed events once more, with the header outbox-replay; needs --yes')
    .option('--from <position>', 'first version or position, of the keys named')
    .option('--to <position>', 'last version or position, of the keys named')
    .option('--since <time>', 'committed then or later: 2026-01-31T08:00:00Z, or 2h for two hours ago', parseSince)
    .option('--until <time>', 'committed then or earlier', parseTime)
    .option('--topic <name>', "publish here instead of to each event's own topic")
    .requiredOption('--why <text>', 'kept on the signal (required)')
    .option('--yes', 'confirms it')
    .action((keys: string[], options: ReplayOptions, command: Command) =>
      act(command, (session) => run(session, keys, options)),
    );
}

async function run(session: Session, keys: readonly string[], options: ReplayOptions): Promise<number> {
  const { terminal, target } = session;
  const { yes, why, ...range } = options;
  const plan = await planReplay(target, { ...range, keys: keys.length === 0 ? undefined : keys });
  const idle = plan.idle.map((pk) => `${pk}: no processed item in that range.`);
  if (plan.keys.length === 0) {
    terminal.result({ wouldReplay: plan }, () => [
      ...idle,
      'No key has a processed item in that range: there is nothing to replay.',
    ]);
    return EXIT_CODES.done;
  }
  const what = (keys: number): string => `processed events of ${count(keys, 'key')}`;
  const whither = range.topic === undefined ? 'to their own topics' : `to ${range.topic}`;
  if (yes !== true) {
    terminal.result({ wouldReplay: plan }, () => [
      ...idle,
      `The ${what(plan.keys.length)} would be published again, ${whither}.`,
    ]);
    return needsYes(session);
  }
  const report = await replay(target, plan, { by: await session.by(), at: Date.now(), why });
  terminal.result({ ...report, idle: plan.idle }, () => [
    ...idle,
    ...report.failed.map(({ pk, why: cause }) => `${pk}: not asked for: ${cause}`),
    `The relay is asked to publish the ${what(report.asked.length)} again, ${whither}. Header outbox-replay: ${report.replayId}`,
  ]);
  return report.failed.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}
