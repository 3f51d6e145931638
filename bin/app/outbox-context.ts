import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Topic, type ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { NOTIFICATION_OPTIONS, type OutboxMonitoringOptions } from '../../lib/infra/monitoring/options';
import { requireOption, invalidOption, refuseUnknownKeys } from '../../lib/infra/options/invalid-option';
import { requireAllowed } from '../../lib/infra/options/option-table';
import type { Outbox } from '../../lib/infra/outbox/outbox';
import { PUBLISHERS, type OutboxProps } from '../../lib/infra/outbox/outbox-props';
import { COMPRESSIONS, ORDERS } from '../../lib/relay/environment';

/** CDK context: texts from `-c`, any JSON from cdk.json. */
export type Context = Readonly<Record<string, unknown>>;

/** Reads the value of a context key; `undefined` if the key is not set. */
type Reader<Value> = (key: string, value: unknown) => Value;

export type ContextTable = Readonly<Record<string, Reader<unknown>>>;

/** The values of a table's keys; a value without a default may be `undefined`. */
export type ContextOf<Table extends ContextTable> = {
  readonly [Key in keyof Table as undefined extends ReturnType<Table[Key]> ? never : Key]: ReturnType<Table[Key]>;
} & {
  readonly [Key in keyof Table as undefined extends ReturnType<Table[Key]> ? Key : never]?: ReturnType<Table[Key]>;
};

/** @throws OutboxError `invalid-option` for a malformed value, and for a key that the table does not have. */
export function readContext<Table extends ContextTable>(context: Context, table: Table): ContextOf<Table> {
  const own = ownKeys(context);
  refuseUnknownKeys('The context', own, Object.keys(table));
  const values = Object.entries(table).map(([key, read]) => [key, read(key, own[key])]);
  // `Object.fromEntries` loses the type of the keys.
  return Object.fromEntries(values) as ContextOf<Table>;
}

/** Removes the CDK's own keys (`@aws-cdk/…`, `aws:cdk:…`, cached look-ups). */
export const ownKeys = (context: Context): Context =>
  Object.fromEntries(Object.entries(context).filter(([key]) => !/[@:]/.test(key)));

const LEAVE_OUT = 'Leave the key out for its default.';

export function text(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  requireOption(typeof value === 'string' && value.trim() !== '', key, value, 'a non-empty text', LEAVE_OUT);
  return value.trim();
}

export function list(key: string, value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const entries: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  const texts = entries.map((entry) => (typeof entry === 'string' ? entry.trim() : ''));
  const advice = 'Write a JSON array, or separate the entries by commas, such as "a,b".';
  requireOption(texts.length > 0 && !texts.includes(''), key, value, 'a list of non-empty texts', advice);
  return texts;
}

export const oneOf =
  <Text extends string>(...allowed: readonly Text[]): Reader<Text | undefined> =>
  (key, value) => {
    if (value === undefined) return undefined;
    const found = allowed.find((candidate) => candidate === value);
    requireOption(found !== undefined, key, value, `one of ${allowed.join(', ')}`, 'Names are in lower case.');
    return found;
  };

export function flag(key: string, value: unknown): boolean | undefined {
  if (value === undefined) return undefined;
  // `-c` passes every value as text.
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw invalidOption(key, value, 'true or false', LEAVE_OUT);
}

export function wholeNumber(key: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  const isAllowed = typeof number === 'number' && Number.isSafeInteger(number) && number >= 0;
  requireOption(isAllowed, key, value, 'a whole number of at least 0', 'Write digits only, without a unit.');
  return number;
}

export const withDefault =
  <Value>(read: Reader<Value>, byDefault: NonNullable<Value>): Reader<NonNullable<Value>> =>
  (key, value) =>
    read(key, value) ?? byDefault;

const MONITORING_KEYS = {
  /** ARN of the SNS topic for alarms that need action now: one topic, or with `regions` one in each region. */
  pageTopicArn: topicArns,
  /** ARN of the SNS topic for alarms that need action on the next working day; as `pageTopicArn`. */
  ticketTopicArn: topicArns,
  /** Base URL of the published docs/runbooks, for the links in alarms. */
  runbookBaseUrl: (key: string, value: unknown) => {
    const url = text(key, value);
    if (url !== undefined) requireAllowed(NOTIFICATION_OPTIONS.runbookBaseUrl, key, url);
    return url;
  },
};

/** Context keys of the outbox itself, on a new and on an existing cluster. */
export const OUTBOX_KEYS = {
  ...MONITORING_KEYS,
  /** How long a processed item stays readable; 0 deletes it at once. */
  retentionSeconds: wholeNumber,
  compression: oneOf(...COMPRESSIONS),
  order: oneOf(...ORDERS),
  /** The Kafka client with which the relay publishes. */
  publisher: oneOf(...PUBLISHERS),
  outboxName: text,
};

export const outboxOptions = (
  scope: Construct,
  context: ContextOf<typeof OUTBOX_KEYS>,
  region?: string,
): Partial<OutboxProps> => ({
  retention: context.retentionSeconds === undefined ? undefined : Duration.seconds(context.retentionSeconds),
  compression: context.compression,
  order: context.order,
  publisher: context.publisher,
  outboxName: context.outboxName,
  monitoring: monitoringOf(scope, context, region),
});

type MonitoringContext = ContextOf<typeof MONITORING_KEYS>;

const TOPIC_ARN = /^arn:[^:]+:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]+$/;

const regionOf = (arn: string): string | undefined => TOPIC_ARN.exec(arn)?.[1];

function topicArns(key: string, value: unknown): string[] | undefined {
  const arns = list(key, value);
  const malformed = arns?.find((arn) => regionOf(arn) === undefined);
  const allowed = 'an ARN such as arn:aws:sns:<region>:<account>:<name>';
  requireOption(malformed === undefined, key, malformed, allowed, 'Copy it from "aws sns list-topics".');
  return arns;
}

/** @throws OutboxError `invalid-option` for several topics of one region, and for a region without its own topic. */
export function checkNotifiedRegions(context: MonitoringContext, regions?: readonly string[]): void {
  for (const key of ['pageTopicArn', 'ticketTopicArn'] as const) {
    const arns = context[key];
    if (arns === undefined) continue;
    const notified = arns.map(regionOf).toSorted().join();
    requireOption(
      regions === undefined ? arns.length === 1 : notified === regions.toSorted().join(),
      key,
      arns,
      regions === undefined ? 'one topic' : `one topic in each of ${regions.join(', ')}`,
      'An alarm notifies a topic of its own region.',
    );
  }
}

/** The monitoring options of an outbox in `scope`, whose alarms notify the topics of its region. */
function monitoringOf(
  scope: Construct,
  { pageTopicArn, ticketTopicArn, runbookBaseUrl }: MonitoringContext,
  region?: string,
): OutboxMonitoringOptions {
  const topic = (id: string, arns: readonly string[] = []): ITopic | undefined => {
    const arn = arns.find((each) => region === undefined || regionOf(each) === region);
    return arn === undefined ? undefined : Topic.fromTopicArn(scope, id, arn);
  };
  return {
    pageTopic: topic('PageTopic', pageTopicArn),
    ticketTopic: topic('TicketTopic', ticketTopicArn),
    runbookBaseUrl,
  };
}

export function outboxOutputs(scope: Construct, outbox: Outbox, topics: readonly string[]): void {
  const { table, relay, sweeper, outboxName } = outbox;
  const outputs: Readonly<Record<string, readonly [value: string, description: string]>> = {
    TableName: [table.tableName, 'Table that services write events to.'],
    TableArn: [table.tableArn, 'For the policies of services that write.'],
    RelayName: [relay.functionName, 'Function that publishes to Kafka.'],
    SweeperName: [sweeper.functionName, 'Function that finds items that the stream has lost.'],
    Topics: [topics.join(','), 'Kafka topics that events may go to.'],
    OutboxName: [outboxName, 'Value of the metrics dimension "Outbox".'],
  };
  for (const [id, [value, description]] of Object.entries(outputs)) new CfnOutput(scope, id, { value, description });
}
