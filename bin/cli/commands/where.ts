import type { Command } from 'commander';
import { messageOf } from '../../../lib/event/errors';
import { openKafkaMetadata, type KafkaMetadata } from '../../../lib/operate/kafka-metadata';
import { comparedWith, where, type EventLocation } from '../../../lib/operate/where';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { columns, time } from '../format';
import { kafkaOf, type KafkaOptions } from '../kafka';
import type { Session } from '../session';

/** No `--brokers`: the receipts are of the relay's cluster. */
const RELAYS_BROKERS: KafkaOptions = { auth: 'iam' };

export function addWhere(program: Command): void {
  program
    .command('where')
    .argument('<key>', 'such as order#42')
    .argument('[position]', 'a version, or a position as "show" prints it (default: the latest processed item)')
    .description('show where the events of an item are in Kafka: topic, partition, offset')
    .action((key: string, position: string | undefined, _options: unknown, command: Command) =>
      runInSession(command, (session) => run(session, key, position)),
    );
}

async function run(session: Session, key: string, position: string | undefined): Promise<number> {
  const { terminal, target } = session;
  const noted = await where(target, key, position);
  const { locations, notCompared } = await compared(session, noted);
  const gone = locations.flatMap(({ topic, partition, offset, gone: why }) =>
    why === undefined ? [] : [`${topic}-${partition}@${offset} is gone: ${why}. Next: outbox verify --since 2d`],
  );
  terminal.result(locations, () => [
    ...columns(
      [
        ['TOPIC', 'PARTITION', 'OFFSET', 'ACKNOWLEDGED', 'TYPE', 'EVENT'],
        ...locations.map(({ topic, partition, offset, processedAt, type, eventId, gone: why }) => [
          ...[topic, String(partition), why === undefined ? offset : 'gone'],
          ...[time(processedAt), type, eventId],
        ]),
      ],
      '',
    ),
    ...gone.map((line) => terminal.style('yellow', line)),
    ...(notCompared === undefined ? [] : [`From the receipts, not compared with Kafka: ${notCompared}`]),
  ]);
  return gone.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

/** If the relay's brokers cannot be reached, the locations come from the receipts alone, and the output says so. */
async function compared(
  session: Session,
  locations: readonly EventLocation[],
): Promise<{ readonly locations: readonly EventLocation[]; readonly notCompared?: string }> {
  let look: KafkaMetadata | undefined;
  try {
    look = await openKafkaMetadata(await kafkaOf('where', () => Promise.resolve(session), RELAYS_BROKERS));
    const ends = await look.ends([...new Set(locations.map(({ topic }) => topic))]);
    return { locations: comparedWith(locations, { topics: look.topics, ends }) };
  } catch (error) {
    return { locations, notCompared: messageOf(error) };
  } finally {
    await look?.close();
  }
}
