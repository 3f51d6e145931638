import { Stack, Token } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { invalidOption, checkOptions, type OptionKind } from '../invalid-option';
import { checkRunbookBaseUrl } from './options';
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

/** Every default that is a value. */
export const CONSUMER_MONITORING_DEFAULTS = {
  maxLag: 10_000,
  dashboard: true,
} as const satisfies Partial<ConsumerMonitoringOptions>;

export type ResolvedConsumerMonitoring = ConsumerMonitoringOptions &
  Required<Pick<ConsumerMonitoringOptions, keyof typeof CONSUMER_MONITORING_DEFAULTS>>;

/** A record, so that the compiler refuses an option that is not listed. */
const OPTIONS: Readonly<Record<keyof ConsumerMonitoringOptions, OptionKind>> = {
  outbox: true,
  pageTopic: true,
  ticketTopic: true,
  runbookBaseUrl: true,
  maxLag: true,
  dashboard: true,
};

/**
 * Fills in the defaults and checks the options.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveConsumerMonitoring(
  scope: Construct,
  options: ConsumerMonitoringOptions = {},
): ResolvedConsumerMonitoring {
  checkOptions('monitoring', options, OPTIONS);
  const { outbox, pageTopic, ticketTopic, runbookBaseUrl } = options;
  const resolved = {
    ...options,
    maxLag: options.maxLag ?? CONSUMER_MONITORING_DEFAULTS.maxLag,
    dashboard: options.dashboard ?? CONSUMER_MONITORING_DEFAULTS.dashboard,
  };
  if (Token.isUnresolved(resolved.maxLag) || !Number.isSafeInteger(resolved.maxLag) || resolved.maxLag < 1) {
    throw invalidOption(
      'monitoring.maxLag',
      resolved.maxLag,
      'an integer of at least 1, known at synthesis',
      'It is a number of messages, not a time.',
    );
  }
  checkRunbookBaseUrl(runbookBaseUrl);
  if (outbox === undefined) return resolved;
  for (const [option, got] of Object.entries({ pageTopic, ticketTopic, runbookBaseUrl })) {
    if (got === undefined) continue;
    throw invalidOption(`monitoring.${option}`, got, 'left out with monitoring.outbox', 'The outbox says it.');
  }
  if (Stack.of(outbox) !== Stack.of(scope)) {
    throw invalidOption(
      'monitoring.outbox',
      outbox.node.path,
      `that of an outbox in the stack ${Stack.of(scope).stackName}`,
      'Its alarms would need the consumer, which needs its topics: neither stack could be deployed first. Give pageTopic and ticketTopic instead.',
    );
  }
  return resolved;
}
