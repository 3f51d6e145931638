import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Topic, type ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { NOTIFICATION_OPTIONS, type OutboxMonitoringOptions } from '../../lib/infra/monitoring/options';
import { requireOption } from '../../lib/infra/options/invalid-option';
import { requireAllowed } from '../../lib/infra/options/option-table';
import type { Outbox } from '../../lib/infra/outbox/outbox';
import type { OutboxProps } from '../../lib/infra/outbox/outbox-props';
import { COMPRESSIONS, ORDERS } from '../../lib/relay/environment';
import { list, oneOf, text, wholeNumber, type ContextOf } from './context-values';

/** Context keys of the alarm notifications. */
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
  /** Value of the metrics dimension `Outbox`. */
  outboxName: text,
};

/** The options of an outbox in `scope` that these keys set. */
export const outboxOptions = (
  scope: Construct,
  context: ContextOf<typeof OUTBOX_KEYS>,
  region?: string,
): Partial<OutboxProps> => ({
  retention: context.retentionSeconds === undefined ? undefined : Duration.seconds(context.retentionSeconds),
  compression: context.compression,
  order: context.order,
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

/** Stack outputs that services and operators need. */
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
