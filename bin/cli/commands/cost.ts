import { InvalidArgumentError, Option, type Command } from 'commander';
import { costOf, type Cost, type Workload } from '../../../lib/operate/cost';
import { parseDuration } from '../arguments';
import { columns, count, number } from '../format';
import type { GlobalOptions } from '../session';
import { Terminal } from '../terminal';

interface CostOptions {
  readonly eventsPerSecond: number;
  readonly eventBytes: number;
  readonly eventsPerTransaction: number;
  readonly keyBytes: number;
  readonly retention: number;
  readonly sweepEvery: number;
}

export function addCost(program: Command): void {
  program
    .command('cost')
    .description('estimate units and dollars of a load (asks nobody)')
    .requiredOption('--events-per-second <n>', 'on average (required)', parseNumber)
    .requiredOption('--event-bytes <n>', "of an event's data (required)", parseNumber)
    .option('--events-per-transaction <n>', 'of one key: they share an item', parseNumber, 1)
    .option('--key-bytes <n>', 'of a key', parseNumber, 36)
    .addOption(
      new Option('--retention <duration>', 'how long processed items stay')
        .argParser(parseDuration)
        .default(86_400_000, '1d'),
    )
    .addOption(
      new Option('--sweep-every <duration>', 'how often the sweeper runs')
        .argParser(parseDuration)
        .default(3_600_000, '1h'),
    )
    .action((options: CostOptions, command: Command) => {
      const { json = false } = command.optsWithGlobals<GlobalOptions>();
      const { retention, sweepEvery, ...rest } = options;
      const workload = { ...rest, retentionSeconds: retention / 1000, sweepEverySeconds: sweepEvery / 1000 };
      const cost = costOf(workload);
      new Terminal({ json }).result({ workload, ...cost }, () => lines(workload, cost));
    });
}

function parseNumber(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return Number(text);
}

const rounded = (n: number): string => number(Number(n.toPrecision(3)));
const dollars = (n: number): string =>
  `$ ${n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

const sweepNote = ({ sweepRuns, sweepReadUnits }: Cost['estimated']): string =>
  `a sweep reads ${rounded(sweepReadUnits)} units${sweepRuns === 1 ? '' : `, ${number(sweepRuns)} of them the whole table`}`;

function lines({ eventsPerTransaction = 1 }: Workload, { item, perSecond, estimated, perMonth }: Cost): string[] {
  return [
    `An item of ${count(eventsPerTransaction, 'event')}: ${number(item.bytes)} bytes, ${number(item.markedBytes)} with its marks`,
    ...columns([
      ['commit', `${item.commitWriteUnits} write units, beside those of the business items`],
      ['mark', `${item.markWriteUnits} write units`],
    ]),
    '',
    'Each second',
    ...columns([
      ['items', rounded(perSecond.items)],
      ['write units', rounded(perSecond.writeUnits)],
      ['partitions', `${number(perSecond.partitions)} at least, each with a shard and a relay of its own`],
      ['invocations', `about ${rounded(estimated.invocationsPerSecond)}, each reads one unit`],
    ]),
    '',
    'A month (list prices of us-east-1, on demand; without Kafka, business items, logs and traffic)',
    ...columns([
      ['write units', dollars(perMonth.writeUnits)],
      ['read units', `${dollars(perMonth.readUnits)}   ${sweepNote(estimated)}`],
      ['storage', `${dollars(perMonth.storage)}   ${rounded(estimated.storedGb)} GB`],
      ['relay', dollars(perMonth.relay)],
      ['total', dollars(perMonth.total)],
    ]),
  ];
}
