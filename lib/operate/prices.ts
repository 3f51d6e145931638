import { refuse } from './target';

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
