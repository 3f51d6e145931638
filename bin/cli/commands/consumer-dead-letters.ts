import type { Command } from 'commander';
import { deadLetters, type DeadLetter, type DeadLettersReport } from '../../../lib/operate/consumer/dead-letters';
import { actOnInbox, EXIT_CODES } from '../act';
import { parseTime } from '../arguments';
import { columns, count, number, time } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { openSession, type InboxSession, type Session } from '../session';

interface DeadLetterOptions extends KafkaOptions {
  readonly topic: string;
  readonly consumer: string;
  readonly since?: number;
}

export function addConsumerDeadLetters(consumer: Command): void {
  withKafkaOptions(
    consumer
      .command('dead-letters')
      .description('list what the consumer has set aside: why, when, and from where (reads Kafka)')
      .requiredOption('--topic <name>', 'that the consumer reads (required)')
      .requiredOption('--consumer <name>', 'its name (required)')
      .option('--since <time>', 'set aside then or later: 2026-01-31T08:00:00Z, or 2h (default: all)', parseTime),
  ).action((_options: unknown, command: Command) =>
    // The outbox is looked for only to find its brokers.
    actOnInbox(command, (session) =>
      run(session, command.optsWithGlobals(), () => openSession(command.optsWithGlobals())),
    ),
  );
}

async function run(
  { terminal }: InboxSession,
  options: DeadLetterOptions,
  outbox: () => Promise<Session>,
): Promise<number> {
  const { topic, consumer, since } = options;
  const report = await deadLetters(await kafkaOf('dead-letters', outbox, options), {
    ...{ topic, consumer, since },
    onProgress: (passed, all) => terminal.progress(`${number(passed)} of ${count(all, 'message')} read`),
  });
  terminal.result(report, () => lines(report));
  return report.exists ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function lines({ topic, exists, letters, leftGroup }: DeadLettersReport): string[] {
  if (!exists) return [`Topic ${topic} does not exist: the consumer waits with what it wants to set aside. Create it.`];
  const rows = letters.map((letter) => [
    time(letter.setAsideAt),
    letter.reason,
    letter.key,
    letter.type ?? '',
    receiptOf(letter.from),
    letter.message,
  ]);
  return [
    ...(letters.length === 0
      ? [`Nothing lies in ${topic}.`]
      : [
          `${count(letters.length, 'message')} in ${topic}`,
          '',
          ...columns([['SET ASIDE', 'REASON', 'KEY', 'TYPE', 'FROM', 'MESSAGE'], ...rows]),
        ]),
    ...(leftGroup === undefined
      ? []
      : [`The consumer group ${leftGroup.groupId} could not be deleted: ${leftGroup.why}`]),
  ];
}

const receiptOf = ({ topic, partition, offset }: DeadLetter['from']): string => `${topic}-${partition}@${offset}`;
