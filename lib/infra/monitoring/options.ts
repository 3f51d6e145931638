import { Token } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { invalidOption, checkOptions, type OptionKind } from '../invalid-option';
import { resolveSlo, type OutboxSlo, type ResolvedSlo } from './slo';

/** How an outbox is watched. */
export interface OutboxMonitoringOptions {
  /**
   * What is promised; the thresholds of the alarms follow from it.
   *
   * @default - 99.9 % of the events of 30 days within 5 seconds
   */
  readonly slo?: OutboxSlo;

  /**
   * Where it is told that somebody must act now, and that it is over: a standard SNS topic of the stack's region. CloudWatch
   * is allowed to publish to a topic, and to use its key, where the app makes them; of imported ones synthesis warns.
   *
   * @default - nowhere: the alarms show in the console
   */
  readonly pageTopic?: ITopic;

  /**
   * Where it is told that somebody must act on the next working day, and that it is over.
   *
   * @default - nowhere: the alarms show in the console
   */
  readonly ticketTopic?: ITopic;

  /**
   * Where you publish docs/runbooks of this package's repository, for the link in each alarm's description.
   *
   * @default - the path in this package's repository is named
   */
  readonly runbookBaseUrl?: string;

  /**
   * Name of a provisioned Amazon MSK cluster with IAM authentication, to be told when a broker refuses connections. The
   * cluster's monitoring level must be `PER_BROKER` or higher, which costs; MSK Serverless has no such metric.
   *
   * @default - that of a cluster with IAM and brokers that the app makes; the metrics of others are not looked at
   */
  readonly mskClusterName?: string;

  /**
   * Whether there is a dashboard.
   *
   * @default true
   */
  readonly dashboard?: boolean;
}

export const MONITORING_DEFAULTS = { dashboard: true } as const satisfies Partial<OutboxMonitoringOptions>;

export type ResolvedMonitoring = Omit<OutboxMonitoringOptions, 'slo'> & {
  readonly slo: ResolvedSlo;
  readonly dashboard: boolean;
};

/** As a record, so that a new option that is not listed does not compile. */
const OPTIONS: Readonly<Record<keyof OutboxMonitoringOptions, OptionKind>> = {
  slo: true,
  pageTopic: true,
  ticketTopic: true,
  runbookBaseUrl: true,
  mskClusterName: true,
  dashboard: true,
};

/** What a runbook's name is put behind. */
export const RUNBOOK_BASE_URL = /^https?:\/\/\S+$/;

/** As MSK accepts it; also keeps a quote out of the query that it becomes a part of. */
const CLUSTER_NAME = /^[A-Za-z0-9-]{1,64}$/;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveMonitoring(options: OutboxMonitoringOptions = {}): ResolvedMonitoring {
  checkOptions('monitoring', options, OPTIONS);
  const { runbookBaseUrl, mskClusterName } = options;
  checkRunbookBaseUrl(runbookBaseUrl);
  if (mskClusterName !== undefined && !Token.isUnresolved(mskClusterName) && !CLUSTER_NAME.test(mskClusterName)) {
    throw invalidOption(
      'monitoring.mskClusterName',
      mskClusterName,
      'the name of a cluster: letters, digits and hyphens',
      'It is the part between "cluster/" and the next "/" of the ARN.',
    );
  }
  return { ...options, slo: resolveSlo(options.slo), dashboard: options.dashboard ?? MONITORING_DEFAULTS.dashboard };
}

/** @throws OutboxError `invalid-option` for what is no URL. */
export function checkRunbookBaseUrl(runbookBaseUrl: string | undefined): void {
  if (runbookBaseUrl === undefined || Token.isUnresolved(runbookBaseUrl) || RUNBOOK_BASE_URL.test(runbookBaseUrl)) {
    return;
  }
  throw invalidOption(
    'monitoring.runbookBaseUrl',
    runbookBaseUrl,
    'a URL that begins with https:// or http://',
    'A runbook is then found at <runbookBaseUrl>/<name>.md.',
  );
}
