import { DEFAULT_CONTENT_TYPE } from '../event/item';
import { messageBytes, messagesOf } from '../event/message';
import { RELAY_METRICS, SWEEPER_METRICS } from '../event/metrics';
import { SWEEPER_DEFAULTS } from '../sweep/environment';
import { fullSweepEverySeconds } from '../sweep/full-pass';
import { sampleItem } from './sample-item';
import { refuse } from './target';
import { DYNAMODB_LIMITS } from '../dynamodb/transaction';

/** A list price and its source. */
export interface ListPrice {
  readonly dollars: number;
  /** `listed`: published for `PRICE_LIST.region`. `assumed`: could not be confirmed on `PRICE_LIST.checkedOn`. */
  readonly basis: 'listed' | 'assumed';
  /** The AWS pricing page that lists it. */
  readonly page: 'dynamodb' | 'lambda' | 'cloudwatch' | 'msk';
}

const listed = (page: ListPrice['page'], dollars: number): ListPrice => ({ dollars, basis: 'listed', page });
const assumed = (page: ListPrice['page'], dollars: number): ListPrice => ({ dollars, basis: 'assumed', page });

/** The default prices of `costOf`. AWS changes prices: compare them before you decide. */
export const PRICE_LIST = {
  region: 'us-east-1',
  checkedOn: '2026-11-28',
  pages: {
    dynamodb: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    lambda: 'https://aws.amazon.com/lambda/pricing/',
    cloudwatch: 'https://aws.amazon.com/cloudwatch/pricing/',
    msk: 'https://aws.amazon.com/msk/pricing/',
  },
  prices: {
    perMillionWriteUnits: listed('dynamodb', 0.625),
    perMillionReadUnits: listed('dynamodb', 0.125),
    perGbMonth: listed('dynamodb', 0.25),
    perMillionInvocations: listed('lambda', 0.2),
    /** For functions on arm64. */
    perMillionGbSeconds: listed('lambda', 13.3334),
    /** An event poller of a Kafka mapping in provisioned mode. */
    perPollerHour: listed('lambda', 0.185),
    /** A custom metric, up to the 10,000th of the account. */
    perMetricMonth: listed('cloudwatch', 0.3),
    /** A metric of an alarm of standard resolution. */
    perAlarmMetricMonth: listed('cloudwatch', 0.1),
    perCompositeAlarmMonth: listed('cloudwatch', 0.5),
    perDashboardMonth: listed('cloudwatch', 3),
    /** Ingested by CloudWatch Logs. */
    perGbLogs: listed('cloudwatch', 0.5),
    perServerlessClusterHour: listed('msk', 0.75),
    perServerlessPartitionHour: listed('msk', 0.0015),
    perServerlessGbIn: listed('msk', 0.1),
    perServerlessGbOut: listed('msk', 0.05),
    perServerlessGbMonth: listed('msk', 0.1),
    /** express.m7g.large. */
    perExpressBrokerHour: listed('msk', 0.408),
    perExpressGbIn: assumed('msk', 0.01),
    perExpressGbMonth: assumed('msk', 0.1),
    /** kafka.m7g.large. */
    perStandardBrokerHour: listed('msk', 0.204),
    /** A provisioned GB of a broker's disk. */
    perStandardGbMonth: listed('msk', 0.1),
  },
} as const;

/** Dollars, on demand, without free tiers. Each price is for one unit; a GB of Kafka or of logs is 10^9 bytes. */
export type ListPrices = Readonly<Record<keyof typeof PRICE_LIST.prices, number>>;

const PRICE_NAMES = Object.keys(PRICE_LIST.prices) as (keyof ListPrices)[];

/**
 * Returns the list prices, overridden by `changed`.
 *
 * @throws OutboxError `operation-refused` for an unknown name, and for a price that is no number or negative.
 */
export function pricesWith(changed: Partial<ListPrices> = {}): ListPrices {
  for (const [name, dollars] of Object.entries(changed)) {
    if (!PRICE_NAMES.some((known) => known === name)) {
      refuse('cost', `there is no price "${name}". The prices are ${PRICE_NAMES.join(', ')}.`);
    }
    if (!(typeof dollars === 'number' && dollars >= 0 && dollars < Infinity)) {
      refuse('cost', `the price ${name} is ${String(dollars)}; it must be dollars, 0 or more.`);
    }
  }
  const listedPrices = Object.fromEntries(PRICE_NAMES.map((name) => [name, PRICE_LIST.prices[name].dollars]));
  return { ...(listedPrices as unknown as ListPrices), ...changed };
}

/** The average load that a service writes. */
export interface CostWorkload {
  readonly eventsPerSecond: number;
  /** Bytes of an event's data as it is sent. */
  readonly eventBytes: number;
  /** Events of one key in one transaction: they share an item. Default 1. */
  readonly eventsPerTransaction?: number;
  /** Default 36, the length of a UUID. */
  readonly keyBytes?: number;
  /** Whether keys have versions. Default true. */
  readonly hasVersions?: boolean;
  /** How long processed items stay. Default one day; 0 deletes them instead of marking them. */
  readonly retentionSeconds?: number;
  /** How often the sweeper runs. Default one hour. */
  readonly sweepIntervalSeconds?: number;
  /** How often the sweeper reads the whole table without a cause. Default twelve hours. */
  readonly fullSweepIntervalSeconds?: number;
  /** Default: none. */
  readonly kafka?: KafkaWorkload;
  /** Consumers that read every event, wherever they run. Default 1. */
  readonly consumers?: number;
  /** Provisioned event pollers of the consumers on Lambda. Default 0. */
  readonly pollers?: number;
  /** Whether the alarms and the dashboard of the `Outbox` construct are deployed. Default true. */
  readonly monitoring?: boolean;
}

/** The Kafka cluster. Leave it out if its price does not count, such as that of a shared cluster. */
export type KafkaWorkload =
  | {
      readonly kind: 'serverless';
      /** Partitions of all topics together. */
      readonly partitions: number;
      /** How long topics keep their messages. Default: Kafka's own, seven days. */
      readonly keptSeconds?: number;
    }
  | {
      readonly kind: 'express';
      readonly brokers: number;
      /** As for `serverless`. */
      readonly keptSeconds?: number;
    }
  | {
      readonly kind: 'standard';
      readonly brokers: number;
      /** Disk of each broker. */
      readonly storageGb: number;
    };

/** The result is exact for the given workload, except `estimated`: averages of a steady load. */
export interface CostEstimate {
  readonly item: {
    /** Size as committed, and size with the mark. */
    readonly bytes: number;
    readonly markedBytes: number;
    /** Write units of the put in the transaction: two for each started KB. */
    readonly commitWriteUnits: number;
    /** Write units of the mark or the delete: one for each started KB of the larger image. */
    readonly markWriteUnits: number;
  };
  readonly perSecond: {
    readonly items: number;
    readonly writeUnits: number;
    /** The minimum: a partition takes 1,000 write units a second. Each has a shard with a relay of its own. */
    readonly partitions: number;
  };
  readonly estimated: {
    readonly invocationsPerSecond: number;
    readonly storedGb: number;
    /** Sweeper runs, at the default rate, that a scan of the whole table takes. */
    readonly sweepRuns: number;
    /** Read units of each of these runs. */
    readonly sweepReadUnits: number;
    /** Scans of the whole table in a day, while nothing gives a cause for more. */
    readonly sweepsPerDay: number;
    /** Read units of the sweeper in a day without these scans: its other runs, and the look at the holds each minute. */
    readonly sweeperReadUnitsPerDay: number;
    /** GB a month that the relay writes to Kafka, without compression: an upper bound. */
    readonly kafkaGb: number;
    /** GB a month of logs of the relay: its metrics, and the lines that Lambda adds to each invocation. */
    readonly logGb: number;
  };
  /** Resources that CloudWatch bills by number. */
  readonly monitoring: {
    readonly metrics: number;
    readonly alarmMetrics: number;
    readonly compositeAlarms: number;
    readonly dashboards: number;
  };
  /** Dollars for 730 hours; without the business items, the functions of consumers, interface endpoints and traffic. */
  readonly dollarsPerMonth: {
    readonly writeUnits: number;
    readonly readUnits: number;
    readonly storage: number;
    readonly relay: number;
    readonly metricsAndAlarms: number;
    readonly logs: number;
    readonly kafka: number;
    readonly pollers: number;
    readonly total: number;
  };
}

const KB = 1024;
const GB = 1024 ** 3;
const MONTH_HOURS = 730;
const MONTH_SECONDS = MONTH_HOURS * 3_600;
/** The size of a GB in the bills of CloudWatch and MSK. */
const BILLED_GB = 1e9;
const KAFKA_KEPT_SECONDS = 7 * 86_400;
const PARTITION_WRITE_UNITS = 1_000;
/** Lambda polls each shard four times a second. */
const POLLS_PER_SECOND = 4;
/** Duration of an invocation and of each event in it, rounded up from docs/benchmarks.md. */
const RELAY_SECONDS = { invocation: 0.02, event: 0.0002 };
const RELAY_GB = 640 / 1024;
const STORAGE_OVERHEAD_BYTES = 100;
/** A metrics document (500 to 900 bytes, depending on its events), and three lines from Lambda. */
const LOG_BYTES_PER_INVOCATION = 1_000;
/** The alarms of an `Outbox` at its defaults; test/infra counts them in the template. */
export const MONITORING = {
  metrics: Object.keys(RELAY_METRICS).length + Object.keys(SWEEPER_METRICS).length,
  alarmMetrics: 35,
  compositeAlarms: 5,
  dashboards: 1,
};
const NO_MONITORING: CostEstimate['monitoring'] = { ...MONITORING, alarmMetrics: 0, compositeAlarms: 0, dashboards: 0 };
/** Read units of a sweeper run at its defaults: 15 minutes, one of which is reserved for its signals. */
const MAX_SWEEP_READ_UNITS = SWEEPER_DEFAULTS.readUnitsPerSecond * (15 - 1) * 60;
/** The control partition, the notes of earlier runs, and two looks at four probes: test/local counts them. */
const READ_UNITS_PER_RUN = 11;
const DAY_SECONDS = 86_400;
const MINUTES_PER_DAY = 1_440;

/**
 * Estimates the cost of an outbox. Tests of this package compare the units with those that DynamoDB reports.
 *
 * @param changed - prices that replace those of `PRICE_LIST`, such as those of another region
 * @throws OutboxError `operation-refused` for a number out of range, and for a price that does not exist.
 */
export function costOf(workload: CostWorkload, changed: Partial<ListPrices> = {}): CostEstimate {
  const prices = pricesWith(changed);
  const { eventsPerSecond, retentionSeconds = DAY_SECONDS } = requireInRange(workload);
  const { bytes, markedBytes, sentBytes, events } = measureItem(workload);
  if (bytes > DYNAMODB_LIMITS.itemBytes) {
    refuse(
      'cost',
      `an item of this load has ${bytes} bytes; DynamoDB allows ${DYNAMODB_LIMITS.itemBytes}. Reduce the size or the number of events.`,
    );
  }
  const commitWriteUnits = 2 * Math.ceil(bytes / KB);
  const markWriteUnits = Math.ceil((retentionSeconds === 0 ? bytes : markedBytes) / KB);

  const items = eventsPerSecond / events;
  const writeUnits = items * (commitWriteUnits + markWriteUnits);
  const partitions = Math.max(1, Math.ceil(writeUnits / PARTITION_WRITE_UNITS));
  const invocationsPerSecond = nonEmptyPolls(items, partitions);
  const storedBytes = items * retentionSeconds * (markedBytes + STORAGE_OVERHEAD_BYTES);
  const sweeps = sweepsOf(storedBytes, workload);

  const month = (perSecond: number): number => perSecond * MONTH_SECONDS;
  const millions = (perSecond: number): number => month(perSecond) / 1e6;
  const gbSeconds =
    (invocationsPerSecond * RELAY_SECONDS.invocation + eventsPerSecond * RELAY_SECONDS.event) * RELAY_GB;
  const kafkaGb = month(items * sentBytes) / BILLED_GB;
  const logGb = month(invocationsPerSecond * LOG_BYTES_PER_INVOCATION) / BILLED_GB;
  const monitoring = workload.monitoring === false ? NO_MONITORING : MONITORING;
  const perMonth = {
    writeUnits: millions(writeUnits) * prices.perMillionWriteUnits,
    readUnits: millions(invocationsPerSecond + readUnitsPerSecondOf(sweeps)) * prices.perMillionReadUnits,
    storage: (storedBytes / GB) * prices.perGbMonth,
    relay:
      millions(invocationsPerSecond) * prices.perMillionInvocations + millions(gbSeconds) * prices.perMillionGbSeconds,
    metricsAndAlarms:
      monitoring.metrics * prices.perMetricMonth +
      monitoring.alarmMetrics * prices.perAlarmMetricMonth +
      monitoring.compositeAlarms * prices.perCompositeAlarmMonth +
      monitoring.dashboards * prices.perDashboardMonth,
    logs: logGb * prices.perGbLogs,
    kafka: kafkaDollars(workload, kafkaGb, prices),
    pollers: (workload.pollers ?? 0) * MONTH_HOURS * prices.perPollerHour,
  };
  return {
    item: { bytes, markedBytes, commitWriteUnits, markWriteUnits },
    perSecond: { items, writeUnits, partitions },
    estimated: { invocationsPerSecond, storedGb: storedBytes / GB, ...sweeps, kafkaGb, logGb },
    monitoring,
    dollarsPerMonth: { ...perMonth, total: Object.values(perMonth).reduce((sum, dollars) => sum + dollars, 0) },
  };
}

type Sweeps = Pick<
  CostEstimate['estimated'],
  'sweepRuns' | 'sweepReadUnits' | 'sweepsPerDay' | 'sweeperReadUnitsPerDay'
>;

function sweepsOf(
  storedBytes: number,
  {
    sweepIntervalSeconds = SWEEPER_DEFAULTS.sweepIntervalSeconds,
    fullSweepIntervalSeconds = SWEEPER_DEFAULTS.fullSweepIntervalSeconds,
  }: CostWorkload,
): Sweeps {
  const readUnits = Math.ceil(storedBytes / (4 * KB)) / 2;
  const sweepRuns = Math.max(1, Math.ceil(readUnits / MAX_SWEEP_READ_UNITS));
  const takesSeconds = sweepRuns * sweepIntervalSeconds;
  return {
    sweepRuns,
    sweepReadUnits: readUnits / sweepRuns,
    sweepsPerDay: DAY_SECONDS / fullSweepEverySeconds(takesSeconds, fullSweepIntervalSeconds),
    sweeperReadUnitsPerDay: MINUTES_PER_DAY + (DAY_SECONDS / sweepIntervalSeconds) * READ_UNITS_PER_RUN,
  };
}

const readUnitsPerSecondOf = ({ sweepRuns, sweepReadUnits, sweepsPerDay, sweeperReadUnitsPerDay }: Sweeps): number =>
  (sweepsPerDay * sweepRuns * sweepReadUnits + sweeperReadUnitsPerDay) / DAY_SECONDS;

/** Replication is not billed. A stored GB is billed once, not per replica, except on disks of Standard brokers. */
function kafkaDollars({ kafka, consumers = 1 }: CostWorkload, gbIn: number, prices: ListPrices): number {
  if (kafka === undefined) return 0;
  if (kafka.kind === 'standard') {
    return kafka.brokers * (MONTH_HOURS * prices.perStandardBrokerHour + kafka.storageGb * prices.perStandardGbMonth);
  }
  const keptGb = gbIn * ((kafka.keptSeconds ?? KAFKA_KEPT_SECONDS) / MONTH_SECONDS);
  if (kafka.kind === 'express') {
    const brokers = kafka.brokers * MONTH_HOURS * prices.perExpressBrokerHour;
    return brokers + gbIn * prices.perExpressGbIn + keptGb * prices.perExpressGbMonth;
  }
  const hourly = prices.perServerlessClusterHour + kafka.partitions * prices.perServerlessPartitionHour;
  const traffic = gbIn * (prices.perServerlessGbIn + consumers * prices.perServerlessGbOut);
  return MONTH_HOURS * hourly + traffic + keptGb * prices.perServerlessGbMonth;
}

/** Polls per second that find at least one item, if items arrive at random. */
function nonEmptyPolls(itemsPerSecond: number, shards: number): number {
  const polls = POLLS_PER_SECOND * shards;
  return polls * (1 - Math.exp(-itemsPerSecond / polls));
}

const TEN_YEARS_SECONDS = 10 * 365 * 86_400;

const RANGES: Readonly<Record<string, readonly [name: string, min: number, max: number]>> = {
  eventsPerSecond: ['events per second', 0, 1e9],
  eventBytes: ['bytes of an event', 0, 400 * KB],
  eventsPerTransaction: ['events per transaction', 1, 10_000],
  keyBytes: ['bytes of a key', 1, 2_000],
  retentionSeconds: ['seconds of retention', 0, TEN_YEARS_SECONDS],
  sweepIntervalSeconds: ['seconds between runs of the sweeper', 60, 365 * 86_400],
  fullSweepIntervalSeconds: ['seconds between sweeps of the whole table', 60, 365 * 86_400],
  consumers: ['consumers', 0, 10_000],
  pollers: ['pollers', 0, 100_000],
  brokers: ['brokers', 1, 1_000],
  partitions: ['partitions', 1, 100_000],
  storageGb: ['GB of a disk', 1, 16_384],
  keptSeconds: ['seconds that topics keep', 0, TEN_YEARS_SECONDS],
};

function requireInRange(workload: CostWorkload): CostWorkload {
  for (const [option, value] of Object.entries({ ...workload, ...workload.kafka })) {
    const range = RANGES[option];
    if (range === undefined || value === undefined) continue;
    const [name, min, max] = range;
    if (!(value >= min && value <= max)) refuse('cost', `${name}: ${value}; it must be from ${min} to ${max}.`);
  }
  const { eventsPerTransaction = 1 } = workload;
  if (!Number.isInteger(eventsPerTransaction)) {
    refuse('cost', `events per transaction: ${eventsPerTransaction}; it must be a whole number.`);
  }
  return workload;
}

/** Measures an item whose names have a usual length. */
function measureItem({ eventBytes, eventsPerTransaction = 1, keyBytes = 36, hasVersions = true }: CostWorkload) {
  const { item, bytes, markedBytes } = sampleItem({
    aggregate: 'order',
    source: '/shop/order',
    keyBytes,
    hasVersions,
    events: eventsPerTransaction,
    event: { type: 'order.placed', topic: 'orders', contentType: DEFAULT_CONTENT_TYPE },
    dataBytes: eventBytes,
  });
  return {
    bytes,
    markedBytes,
    /** Size of the messages of an item, uncompressed. */
    sentBytes: messagesOf(item).reduce((sum, message) => sum + messageBytes(message), 0),
    events: eventsPerTransaction,
  };
}
