import { refuse } from './target';

/** Dollars, on demand, without free tiers. Each price is for one unit; a GB of Kafka or of logs is 10^9 bytes. */
export interface Prices {
  readonly perMillionWriteUnits: number;
  readonly perMillionReadUnits: number;
  readonly perGbMonth: number;
  readonly perMillionInvocations: number;
  /** For functions on arm64. */
  readonly perMillionGbSeconds: number;
  /** An event poller of a Kafka mapping in provisioned mode. */
  readonly perPollerHour: number;
  /** A custom metric, up to the 10,000th of the account. */
  readonly perMetricMonth: number;
  /** A metric that an alarm of standard resolution looks at. */
  readonly perAlarmMetricMonth: number;
  readonly perCompositeAlarmMonth: number;
  readonly perDashboardMonth: number;
  /** Ingested by CloudWatch Logs. */
  readonly perGbLogs: number;
  readonly perServerlessClusterHour: number;
  readonly perServerlessPartitionHour: number;
  readonly perServerlessGbIn: number;
  readonly perServerlessGbOut: number;
  readonly perServerlessGbMonth: number;
  /** express.m7g.large. */
  readonly perExpressBrokerHour: number;
  readonly perExpressGbIn: number;
  readonly perExpressGbMonth: number;
  /** kafka.m7g.large. */
  readonly perStandardBrokerHour: number;
  /** A provisioned GB of a broker's disk. */
  readonly perStandardGbMonth: number;
}

/** A list price and its source. */
export interface ListPrice {
  readonly dollars: number;
  /** `listed`: published for `PRICE_LIST.region`. `assumed`: could not be confirmed on `PRICE_LIST.checkedOn`. */
  readonly basis: 'listed' | 'assumed';
  /** The AWS pricing page that lists it. */
  readonly page: 'dynamodb' | 'lambda' | 'cloudwatch' | 'msk';
}

const PRICING_PAGES = {
  dynamodb: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
  lambda: 'https://aws.amazon.com/lambda/pricing/',
  cloudwatch: 'https://aws.amazon.com/cloudwatch/pricing/',
  msk: 'https://aws.amazon.com/msk/pricing/',
} as const;

const listed = (page: ListPrice['page'], dollars: number): ListPrice => ({ dollars, basis: 'listed', page });
const assumed = (page: ListPrice['page'], dollars: number): ListPrice => ({ dollars, basis: 'assumed', page });

/** The prices that `costOf` uses unless others are given. AWS changes prices: compare them before you decide. */
export const PRICE_LIST = {
  region: 'us-east-1',
  checkedOn: '2026-11-28',
  pages: PRICING_PAGES,
  prices: {
    perMillionWriteUnits: listed('dynamodb', 0.625),
    perMillionReadUnits: listed('dynamodb', 0.125),
    perGbMonth: listed('dynamodb', 0.25),
    perMillionInvocations: listed('lambda', 0.2),
    perMillionGbSeconds: listed('lambda', 13.3334),
    perPollerHour: listed('lambda', 0.185),
    perMetricMonth: listed('cloudwatch', 0.3),
    perAlarmMetricMonth: listed('cloudwatch', 0.1),
    perCompositeAlarmMonth: listed('cloudwatch', 0.5),
    perDashboardMonth: listed('cloudwatch', 3),
    perGbLogs: listed('cloudwatch', 0.5),
    perServerlessClusterHour: listed('msk', 0.75),
    perServerlessPartitionHour: listed('msk', 0.0015),
    perServerlessGbIn: listed('msk', 0.1),
    perServerlessGbOut: listed('msk', 0.05),
    perServerlessGbMonth: listed('msk', 0.1),
    perExpressBrokerHour: listed('msk', 0.408),
    perExpressGbIn: assumed('msk', 0.01),
    perExpressGbMonth: assumed('msk', 0.1),
    perStandardBrokerHour: listed('msk', 0.204),
    perStandardGbMonth: listed('msk', 0.1),
  } satisfies Readonly<Record<keyof Prices, ListPrice>>,
} as const;

const NAMES = Object.keys(PRICE_LIST.prices) as (keyof Prices)[];

/**
 * Returns the list prices, with the given ones in their place.
 *
 * @throws OutboxError `operation-refused` for an unknown price, and for one that is negative or no number.
 */
export function pricesWith(changed: Partial<Prices> = {}): Prices {
  for (const [name, dollars] of Object.entries(changed)) {
    if (!NAMES.some((known) => known === name)) {
      refuse('cost', `there is no price "${name}". Prices are ${NAMES.join(', ')}.`);
    }
    if (!(typeof dollars === 'number' && dollars >= 0 && dollars < Infinity)) {
      refuse('cost', `the price ${name} is ${String(dollars)}; it must be dollars, 0 or more.`);
    }
  }
  const listedPrices = Object.fromEntries(NAMES.map((name) => [name, PRICE_LIST.prices[name].dollars]));
  return { ...(listedPrices as unknown as Prices), ...changed };
}
