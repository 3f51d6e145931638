import { Stack } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { requireLeftOut, requireOption } from '../options/invalid-option';
import {
  anyValue,
  defaultsOf,
  integer,
  resolveOptions,
  type OptionTable,
  type Resolved,
} from '../options/option-table';
import { NOTIFICATION_OPTIONS } from './options';
import type { OutboxMonitoring } from './outbox-monitoring';

/** Monitoring options of a consumer. */
export interface ConsumerMonitoringOptions {
  /**
   * The monitoring of an outbox in the same stack, `Outbox.monitoring`. Its composite alarms then include the
   * consumer's alarms, and its dashboard shows the consumer.
   *
   * @default - the consumer's own `page` and `ticket` alarms and dashboard
   */
  readonly outbox?: OutboxMonitoring | undefined;

  /**
   * SNS topic that receives an alarm that needs action now, and its end: a standard topic of the stack's region. If the
   * app makes the topic or its key, CloudWatch gets the permission to use it; for an imported one synthesis warns.
   *
   * @default - the topic of `outbox`; without one, the alarms show only in the console
   */
  readonly pageTopic?: ITopic;

  /**
   * SNS topic that receives an alarm that needs action on the next working day, and its end.
   *
   * @default - the topic of `outbox`; without one, the alarms show only in the console
   */
  readonly ticketTopic?: ITopic;

  /**
   * Base URL at which you publish docs/runbooks of this package's repository, for the link in each alarm's description.
   *
   * @default - the URL of `outbox`; without one, alarms name the path in this package's repository
   */
  readonly runbookBaseUrl?: string;

  /**
   * Number of messages that may wait in one partition for a quarter of an hour before an alarm is raised.
   *
   * @default 10_000
   */
  readonly maxLag?: number;

  /**
   * Whether the consumer has a dashboard, or a part of the outbox's.
   *
   * @default true
   */
  readonly dashboard?: boolean;
}

const OPTIONS = {
  ...NOTIFICATION_OPTIONS,
  outbox: anyValue(),
  maxLag: integer({ min: 1, default: 10_000, advice: 'It is a number of messages, not a time.' }),
} satisfies OptionTable<ConsumerMonitoringOptions>;

export const CONSUMER_MONITORING_DEFAULTS = defaultsOf(OPTIONS);

export type ResolvedConsumerMonitoring = Resolved<ConsumerMonitoringOptions, typeof OPTIONS>;

export function resolveConsumerMonitoring(
  scope: Construct,
  options: ConsumerMonitoringOptions = {},
): ResolvedConsumerMonitoring {
  const resolved = resolveOptions('monitoring', options, OPTIONS, 'monitoring.');
  const { outbox, pageTopic, ticketTopic, runbookBaseUrl } = resolved;
  if (outbox === undefined) return resolved;
  requireLeftOut(
    {
      'monitoring.pageTopic': pageTopic,
      'monitoring.ticketTopic': ticketTopic,
      'monitoring.runbookBaseUrl': runbookBaseUrl,
    },
    'left out with monitoring.outbox',
    'The alarms of the outbox have it.',
  );
  requireOption(
    Stack.of(outbox) === Stack.of(scope),
    'monitoring.outbox',
    outbox.node.path,
    `that of an outbox in the stack ${Stack.of(scope).stackName}`,
    'Its alarms would need the consumer, which needs its topics: neither stack could be deployed first. Give pageTopic and ticketTopic instead.',
  );
  return resolved;
}
