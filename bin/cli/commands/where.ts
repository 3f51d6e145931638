import type { Command } from 'commander';
import { where } from '../../../lib/operate/where';
import { act, EXIT_CODES } from '../act';
import { columns, time } from '../format';
import type { Session } from '../session';

export function addWhere(program: Command): void {
  program
    .command('where')
    .argument('<key>', 'such as order#42')
    .argument('[position]', 'a version, or a position as "show" prints it (default: the latest processed item)')
    .description('say where the events of an item lie in Kafka: topic, partition, offset')
    .action((key: string, position: string | undefined, _options: unknown, command: Command) =>
      act(command, (session) => run(session, key, position)),
    );
}

async function run({ terminal, target }: Session, key: string, position: string | undefined): Promise<number> {
  const locations = await where(target, key, position);
  terminal.result(locations, () =>
    columns(
      [
        ['TOPIC', 'PARTITION', 'OFFSET', 'ACKNOWLEDGED', 'TYPE', 'EVENT'],
        ...locations.map(({ topic, partition, offset, processedAt, type, eventId }) => [
          topic,
          String(partition),
          offset,
          time(processedAt),
          type,
          eventId,
        ]),
      ],
      '',
    ),
  );
  return EXIT_CODES.done;
}
