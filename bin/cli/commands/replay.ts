import type { Command } from 'commander';
import { planReplay, replay, replayMissing, type MissingEvent } from '../../../lib/operate/replay';
import { verify } from '../../../lib/operate/verify/verify';
import { runInSession, EXIT_CODES, needsYes } from '../run-in-session';
import { parseSince, parseTime } from '../arguments';
import { count, number } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { SessionError, type Session } from '../session';

interface ReplayOptions extends KafkaOptions {
  readonly from?: string;
  readonly to?: string;
  readonly since?: number;
  readonly until?: number;
  readonly topic?: string;
  readonly ofTopic?: string;
  readonly missing?: true;
  readonly why: string;
  readonly yes?: true;
}

export function addReplay(program: Command): void {
  withKafkaOptions(program.command('replay'))
    .argument('[key...]', 'such as order#42 (default: every key with a processed item in the range; scans the table)')
    .description('publish processed events again, with the header outbox-replay; needs --yes')
    .option('--from <position>', 'first version or position, of the keys named')
    .option('--to <position>', 'last version or position, of the keys named')
    .option('--since <time>', 'committed then or later: 2026-01-31T08:00:00Z, or 2h for two hours ago', parseSince)
    .option('--until <time>', 'committed then or earlier', parseTime)
    .option('--of-topic <name>', 'only events that were written for this topic')
    .option('--missing', 'only events whose messages are missing, as verify finds them (reads Kafka; needs --since)')
    .option('--topic <name>', "publish here instead of to each event's own topic")
    .requiredOption('--why <text>', 'the reason, kept with the request (required)')
    .option('--yes', 'confirms it')
    .action((keys: string[], _options: unknown, command: Command) => {
      const options: ReplayOptions = command.optsWithGlobals();
      return runInSession(command, (session) => (options.missing ? runMissing : run)(session, keys, options));
    });
}

async function run(session: Session, keys: readonly string[], options: ReplayOptions): Promise<number> {
  const { terminal, target } = session;
  const { yes, why, from, to, since, until, topic, ofTopic } = options;
  const range = { from, to, sinceMs: since, untilMs: until, topic, ofTopic };
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
    ...report.failed.map(({ pk, why: cause }) => `${pk}: no signal was sent: ${cause}`),
    `The relay publishes the ${what(report.asked.length)} again, ${whither}. Header outbox-replay: ${report.replayId}`,
  ]);
  return report.failed.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

/** Replays the events that `verify` finds missing, and no others. */
async function runMissing(session: Session, keys: readonly string[], options: ReplayOptions): Promise<number> {
  const { terminal, target } = session;
  const { yes, why, from, to, since, until, topic, ofTopic } = options;
  if (since === undefined) throw new SessionError('replay: --missing needs --since, as verify does.');
  if (from !== undefined || to !== undefined || topic !== undefined) {
    throw new SessionError('replay: --missing goes with --since, --until, --of-topic and keys alone.');
  }
  const missing: MissingEvent[] = [];
  const kafka = await kafkaOf('replay', () => Promise.resolve(session), options);
  const { absentTopics, unreadTopics } = await verify(target, kafka, {
    sinceMs: since,
    untilMs: until,
    keys: keys.length === 0 ? undefined : keys,
    onProgress: ({ passed, toPass }) => terminal.progress(`${number(passed)} of ${count(toPass, 'message')} read`),
    onFinding: (finding) => {
      if (finding.kind !== 'missing' || (ofTopic !== undefined && finding.topic !== ofTopic)) return;
      const { pk, position } = finding;
      missing.push({ pk, position, topic: finding.topic });
    },
  });
  const notRead = unreadTopics.map(({ topic: name, why: cause }) => `${name} could not be read to its end: ${cause}`);
  const absent = missing.filter((event) => absentTopics.includes(event.topic));
  if (absent.length > 0) {
    const names = [...new Set(absent.map((event) => event.topic))];
    throw new SessionError(
      `replay: ${names.join(', ')} ${names.length === 1 ? 'does' : 'do'} not exist. Next: outbox topic create ${names[0] ?? 'NAME'} --partitions N`,
    );
  }
  const byTopic = [...Map.groupBy(missing, (event) => event.topic)].map(
    ([name, events]) => `${count(events.length, 'event')} of ${name}`,
  );
  if (missing.length === 0) {
    terminal.result({ missing: [], unreadTopics }, () => [
      ...notRead,
      'Nothing is missing: there is nothing to replay.',
    ]);
    return unreadTopics.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
  }
  if (yes !== true) {
    terminal.result({ wouldReplay: { missing, unreadTopics } }, () => [
      ...notRead,
      `Missing, and would be published again: ${byTopic.join(', ')}.`,
    ]);
    return needsYes(session);
  }
  const report = await replayMissing(target, missing, { by: await session.by(), at: Date.now(), why });
  terminal.result({ ...report, missing, unreadTopics }, () => [
    ...notRead,
    ...report.failed.map(({ pk, why: cause }) => `${pk}: no signal was sent: ${cause}`),
    `The relay publishes again: ${byTopic.join(', ')}. Header outbox-replay: ${report.replayId}`,
    `Consumers of this package ignore replays unless onReplay is "apply". Next: outbox verify --since ${new Date(since).toISOString()}`,
  ]);
  return report.failed.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}
