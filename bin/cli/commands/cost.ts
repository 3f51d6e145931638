import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  costOf,
  type CostEstimate,
  type KafkaWorkload,
  type CostWorkload,
  PRICE_LIST,
  type ListPrices,
} from '../../../lib/operate/cost';
import { itemBorders, type ItemBorders, type ItemBordersOptions } from '../../../lib/operate/item-borders';
import { durationWithin } from '../arguments';
import { loadCatalogue } from '../catalogue-module';
import { columns, count, number } from '../format';
import { SessionError, type GlobalOptions } from '../session';
import { Terminal } from '../terminal';

interface CostOptions {
  readonly catalogue?: string;
  readonly size: Readonly<Record<string, number>>;
  readonly service: string;
  readonly extraBytes: number;
  readonly within: number;
  readonly eventsPerSecond?: number;
  readonly eventBytes?: number;
  readonly eventsPerTransaction: number;
  readonly keyBytes: number;
  readonly retention: number;
  readonly sweepInterval: number;
  readonly fullSweepInterval: number;
  readonly kafka: KafkaWorkload['kind'] | 'none';
  readonly partitions: number;
  readonly brokers: number;
  readonly storage: number;
  readonly kept: number;
  readonly consumers: number;
  readonly pollers: number;
  readonly monitoring: boolean;
  readonly price: Partial<ListPrices>;
}

export function addCost(program: Command): void {
  program
    .command('cost')
    .description('estimate the units and dollars of a load (makes no request)')
    .option(
      '--events-per-second <n>',
      'events written per second, on average (required without --catalogue)',
      parseNumber,
    )
    .option('--event-bytes <n>', "bytes of an event's data (required without --catalogue)", parseNumber)
    .option('--events-per-transaction <n>', 'events of one key in a transaction; they share an item', parseNumber, 1)
    .option('--key-bytes <n>', 'bytes of a key', parseNumber, 36)
    .addOption(
      new Option('--retention <duration>', 'how long processed items stay')
        .argParser(durationWithin('0s', '3650d'))
        .default(86_400_000, '1d'),
    )
    .addOption(
      new Option('--sweep-interval <duration>', 'how often the sweeper runs')
        .argParser(durationWithin('1m', '1d'))
        .default(3_600_000, '1h'),
    )
    .addOption(
      new Option('--full-sweep-interval <duration>', 'how often the sweeper reads the whole table without a cause')
        .argParser(durationWithin('1m', '1d'))
        .default(43_200_000, '12h'),
    )
    .addOption(
      new Option('--kafka <kind>', 'kind of cluster; none: leave its price out')
        .choices(['serverless', 'express', 'standard', 'none'])
        .default('serverless'),
    )
    .option('--partitions <n>', 'partitions of all topics, on MSK Serverless', parseNumber, 12)
    .option('--brokers <n>', 'number of Express or Standard brokers', parseNumber, 3)
    .option('--storage <gb>', 'GB of disk of each Standard broker', parseNumber, 100)
    .addOption(
      new Option('--kept <duration>', 'how long topics keep messages')
        .argParser(durationWithin('1s', '3650d'))
        .default(604_800_000, '7d'),
    )
    .option('--consumers <n>', 'consumers that read every event', parseNumber, 1)
    .option('--pollers <n>', 'provisioned event pollers of consumers on Lambda', parseNumber, 0)
    .option('--no-monitoring', 'leave out the alarms and the dashboard')
    .addOption(
      new Option('--price <name=dollars...>', 'price to use instead of the list price; names: docs/cost.md, Prices')
        .argParser(parsePrice)
        .default({}, 'us-east-1'),
    )
    .option(
      '--catalogue <module>',
      'print how much data of each type fits 1, 2 and 3 KB; the module exports the catalogue: ./dist/events.js, or ./dist/events.js#name',
    )
    .addOption(
      new Option('--size <type=bytes...>', 'bytes of the data of a type of the catalogue')
        .argParser(parseSize)
        .default({}, '--event-bytes'),
    )
    .option('--service <name>', 'the service of the catalogue, as in ce_source', 'shop')
    .option(
      '--extra-bytes <n>',
      'further bytes of an item of the catalogue, such as headers; a trace context has 66',
      parseNumber,
      0,
    )
    .option('--within <bytes>', 'mark the types that lie this many bytes above a KB border', parseNumber, 200)
    .action(async (options: CostOptions, command: Command) => {
      const { json = false } = command.optsWithGlobals<GlobalOptions>();
      const workload = workloadOf(options);
      const cost = workload === undefined ? undefined : costOf(workload, options.price);
      const borders = await bordersOf(options);
      const result = {
        ...(cost === undefined ? {} : { workload, ...cost }),
        ...(borders === undefined ? {} : { borders }),
      };
      new Terminal({ json }).result(result, () => [
        ...(workload === undefined || cost === undefined ? [] : lines(workload, cost, options.price)),
        ...(cost === undefined || borders === undefined ? [] : ['']),
        ...(borders === undefined ? [] : borderLines(borders, options)),
      ]);
    });
}

async function bordersOf(options: CostOptions): Promise<readonly ItemBorders[] | undefined> {
  const { catalogue, size, eventBytes, eventsPerTransaction, keyBytes, service, extraBytes, within, retention } =
    options;
  if (catalogue === undefined) {
    if (Object.keys(size).length > 0) throw new SessionError('cost: --size needs --catalogue, which names the types.');
    return undefined;
  }
  const shape: ItemBordersOptions = {
    ...{ sizes: size, eventBytes, eventsPerTransaction, keyBytes, service, extraBytes },
    withinBytes: within,
    retentionSeconds: retention / 1000,
  };
  return itemBorders(await loadCatalogue(catalogue), shape, options.price);
}

/** `undefined` if only the borders of a catalogue are wanted. */
function workloadOf(options: CostOptions): CostWorkload | undefined {
  const { eventsPerSecond, eventBytes, eventsPerTransaction, keyBytes, consumers, pollers, monitoring } = options;
  if (eventsPerSecond === undefined && options.catalogue !== undefined) return undefined;
  if (eventsPerSecond === undefined || eventBytes === undefined) {
    throw new SessionError('cost: give --events-per-second and --event-bytes, or --catalogue.');
  }
  return {
    ...{ eventsPerSecond, eventBytes, eventsPerTransaction, keyBytes, consumers, pollers, monitoring },
    retentionSeconds: options.retention / 1000,
    sweepIntervalSeconds: options.sweepInterval / 1000,
    fullSweepIntervalSeconds: options.fullSweepInterval / 1000,
    kafka: kafkaOf(options),
  };
}

function kafkaOf({ kafka: kind, partitions, brokers, storage, kept }: CostOptions): KafkaWorkload | undefined {
  const keptSeconds = kept / 1000;
  switch (kind) {
    case 'none':
      return undefined;
    case 'serverless':
      return { kind, partitions, keptSeconds };
    case 'express':
      return { kind, brokers, keptSeconds };
    case 'standard':
      return { kind, brokers, storageGb: storage };
  }
}

function parsePrice(text: string, before: Partial<ListPrices>): Partial<ListPrices> {
  const [, name, dollars] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (name === undefined || !Object.hasOwn(PRICE_LIST.prices, name)) {
    throw new InvalidArgumentError(
      `It must be a name and dollars, such as perPollerHour=0.2. Names are ${Object.keys(PRICE_LIST.prices).join(', ')}.`,
    );
  }
  return { ...before, [name]: Number(dollars) };
}

function parseSize(text: string, before: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const [, type, bytes] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (type === undefined) throw new InvalidArgumentError('It must be a type and bytes, such as order.placed=950.');
  return { ...before, [type]: Number(bytes) };
}

function parseNumber(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return Number(text);
}

const rounded = (n: number): string => number(Number(n.toPrecision(3)));
const dollars = (n: number): string =>
  `$ ${n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

function readNote({ estimated, dollarsPerMonth: { readUnits, writeUnits } }: CostEstimate): string {
  const share = writeUnits === 0 ? '' : `${rounded((100 * readUnits) / writeUnits)}% of the write units; `;
  const { sweepRuns, sweepReadUnits, sweepsPerDay } = estimated;
  const inRuns = sweepRuns === 1 ? '' : ` in ${number(sweepRuns)} runs`;
  return `${share}${rounded(sweepsPerDay)} sweeps of the table a day read ${rounded(sweepRuns * sweepReadUnits)} units each${inRuns}`;
}

function lines(workload: CostWorkload, cost: CostEstimate, changed: Partial<ListPrices>): string[] {
  const { item, perSecond, estimated, dollarsPerMonth } = cost;
  const { eventsPerTransaction = 1 } = workload;
  return [
    `An item of ${count(eventsPerTransaction, 'event')}: ${number(item.bytes)} bytes, ${number(item.markedBytes)} with its marks`,
    ...columns([
      ['commit', `${item.commitWriteUnits} write units, in addition to those of the business items`],
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
    `A month (730 hours, list prices of ${PRICE_LIST.region} as of ${PRICE_LIST.checkedOn}, no free tiers)`,
    ...columns(
      [
        ['write units', dollarsPerMonth.writeUnits, ''],
        ['read units', dollarsPerMonth.readUnits, readNote(cost)],
        ['storage', dollarsPerMonth.storage, `${rounded(estimated.storedGb)} GB in the table`],
        ['relay', dollarsPerMonth.relay, ''],
        ['metrics, alarms', dollarsPerMonth.metricsAndAlarms, monitoringNote(cost.monitoring)],
        ['logs', dollarsPerMonth.logs, `${rounded(estimated.logGb)} GB`],
        [
          `Kafka${workload.kafka?.kind === 'serverless' ? ' (serverless)' : ''}`,
          dollarsPerMonth.kafka,
          kafkaNote(workload, estimated.kafkaGb),
        ],
        ['pollers', dollarsPerMonth.pollers, pollersNote(workload)],
        ['total', dollarsPerMonth.total, ''],
      ].map(([name, amount, note]) => [String(name), dollars(Number(amount)).padStart(AMOUNT_WIDTH), String(note)]),
    ),
    '',
    'Not included: business items, consumers, interface endpoints, backups, traffic.',
    ...assumedLines(workload, changed),
  ];
}

const AMOUNT_WIDTH = '$ 99,999.99'.length;

const monitoringNote = ({ metrics, alarmMetrics, compositeAlarms, dashboards }: CostEstimate['monitoring']): string =>
  `${metrics} metrics, ${alarmMetrics} in alarms, ${compositeAlarms} composite, ${count(dashboards, 'dashboard')}`;

function kafkaNote({ kafka, consumers = 1 }: CostWorkload, gb: number): string {
  switch (kafka?.kind) {
    case undefined:
      return 'not counted';
    case 'serverless':
      return `${count(kafka.partitions, 'partition')}, up to ${rounded(gb)} GB, ${count(consumers, 'consumer')}`;
    case 'express':
      return `${count(kafka.brokers, 'broker')} express.m7g.large, up to ${rounded(gb)} GB`;
    case 'standard':
      return `${count(kafka.brokers, 'broker')} kafka.m7g.large, ${number(kafka.storageGb)} GB each`;
  }
}

const pollersNote = ({ pollers = 0 }: CostWorkload): string =>
  pollers === 0 ? 'none; each topic that Lambda reads has one' : `${number(pollers)}, provisioned`;

/** Warns of prices of this workload that are not confirmed. */
function assumedLines({ kafka }: CostWorkload, changed: Partial<ListPrices>): string[] {
  const counted = kafka?.kind === 'express' ? (['perExpressGbIn', 'perExpressGbMonth'] as const) : [];
  const assumed = counted.filter((name) => PRICE_LIST.prices[name].basis === 'assumed' && changed[name] === undefined);
  return assumed.length === 0 ? [] : [`Assumed, because not confirmed: ${assumed.join(', ')}. Set them with --price.`];
}

function borderLines(borders: readonly ItemBorders[], { eventsPerTransaction, within }: CostOptions): string[] {
  const sized = borders.some((each) => each.sized !== undefined);
  return [
    `Bytes of data that fit, with ${count(eventsPerTransaction, 'event')} in an item (with the marks / for the commit alone)`,
    ...columns([
      ['TYPE', 'BEYOND DATA', 'MARKS', ...(borders[0]?.fits ?? []).map(({ kilobytes }) => `${kilobytes} KB`)],
      ...borders.map(({ type, bytesBeyondData, markBytes, fits }) => [
        type,
        number(bytesBeyondData),
        number(markBytes),
        ...fits.map(
          ({ markedDataBytes, committedDataBytes }) => `${fitting(markedDataBytes)} / ${fitting(committedDataBytes)}`,
        ),
      ]),
    ]),
    ...(sized ? ['', `Types up to ${count(within, 'byte')} above a KB border`, ...savingLines(borders)] : []),
    '',
    `Counted with keys of ${aggregatesOf(borders)}. Compare with items of your table; --extra-bytes adds headers and trace context.`,
  ];
}

const fitting = (dataBytes: number | undefined): string => (dataBytes === undefined ? 'none' : number(dataBytes));

const aggregatesOf = (borders: readonly ItemBorders[]): string =>
  [...new Set(borders.map(({ aggregate }) => `${aggregate}#…`))].join(', ');

function savingLines(borders: readonly ItemBorders[]): string[] {
  const rows = borders.flatMap(({ type, sized }) =>
    (sized?.savings ?? []).map((saving) => [
      type,
      count(saving.fewerBytes, 'byte'),
      `${number(sized?.dataBytes ?? 0)} → ${number(saving.dataBytes)}`,
      `${count(saving.writeUnits, 'write unit')} of ${(sized?.commitWriteUnits ?? 0) + (sized?.markWriteUnits ?? 0)}`,
      dollars(saving.dollarsPerMillionItems),
    ]),
  );
  return rows.length === 0
    ? ['  none']
    : columns([['TYPE', 'FEWER', 'DATA', 'SAVES PER ITEM', 'PER MILLION ITEMS'], ...rows]);
}
