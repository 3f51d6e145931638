import { Stack, Token } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { invalidOption, checkOptions, type OptionKind } from '../invalid-option';
import { checkRunbookBaseUrl } from './options';
import type { OutboxMonitoring } from './outbox-monitoring';

/** How a consumer is watched. */
export interface ConsumerMonitoringOptions {
  /**
   * The monitoring of an outbox in the same stack, `Outbox.monitoring`: the consumer's alarms count among its pages and
   * tickets, and its dashboard gets a part about the consumer.
   *
   * @default - `page` and `ticket` alarms and a dashboard of the consumer's own
   */
  readonly outbox?: OutboxMonitoring | undefined;

  /**
   * Where it is told that somebody must act now, and that it is over: a standard SNS topic of the stack's region. CloudWatch
   * is allowed to publish to a topic, and to use its key, where the app makes them; of imported ones synthesis warns.
   *
   * @default - where `outbox` says; without it nowhere: the alarms show in the console
   */
  readonly pageTopic?: ITopic;

  /**
   * Where it is told that somebody must act on the next working day, and that it is over.
   *
   * @default - where `outbox` says; without it nowhere: the alarms show in the console
   */
  readonly ticketTopic?: ITopic;

  /**
   * Where you publish docs/runbooks of this package's repository, for the link in each alarm's description.
   *
   * @default - what `outbox` says; without it the path in this package's repository is named
   */
  readonly runbookBaseUrl?: string;

  /**
   * How many messages may wait in one partition, for a quarter of an hour, before somebody is told.
   *
   * @default 10_000
   */
  readonly maxLag?: number;

  /**
   * Whether there is a dashboard, or a part of the outbox's, about the consumer.
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

/** As a record, so that a new option that is not listed does not compile. */
const OPTIONS: Readonly<Record<keyof ConsumerMonitoringOptions, OptionKind>> = {
  outbox: true,
  pageTopic: true,
  ticketTopic: true,
  runbookBaseUrl: true,
  maxLag: true,
  dashboard: true,
};

/**
 * Fills in the defaults and refuses what cannot work.
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
