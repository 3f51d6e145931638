import { Token } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { invalidOption, checkOptions, type OptionKind } from '../invalid-option';
import { resolveSlo, type OutboxSlo, type ResolvedSlo } from './slo';

/** Monitoring options of an outbox. */
export interface OutboxMonitoringOptions {
  /**
   * The service level objective, from which the alarms' thresholds follow.
   *
   * @default - 99.9 % of the events of 30 days within 5 seconds
   */
  readonly slo?: OutboxSlo;

  /**
   * SNS topic that receives an alarm that needs action now, and its end: a standard topic of the stack's region. If the
   * app makes the topic or its key, CloudWatch gets the permission to use it; for an imported one synthesis warns.
   *
   * @default - none: the alarms show only in the console
   */
  readonly pageTopic?: ITopic;

  /**
   * SNS topic that receives an alarm that needs action on the next working day, and its end.
   *
   * @default - none: the alarms show only in the console
   */
  readonly ticketTopic?: ITopic;

  /**
   * Base URL at which you publish docs/runbooks of this package's repository, for the link in each alarm's description.
   *
   * @default - alarms name the path in this package's repository
   */
  readonly runbookBaseUrl?: string;

  /**
   * Name of a provisioned Amazon MSK cluster with IAM authentication, for an alarm on refused connections. The
   * cluster's monitoring level must be `PER_BROKER` or higher, which costs; MSK Serverless has no such metric.
   *
   * @default - the provisioned cluster with IAM that the app makes; there is no such alarm for other clusters
   */
  readonly mskClusterName?: string;

  /**
   * Whether the outbox has a dashboard.
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

/** A record, so that the compiler refuses an option that is not listed. */
const OPTIONS: Readonly<Record<keyof OutboxMonitoringOptions, OptionKind>> = {
  slo: true,
  pageTopic: true,
  ticketTopic: true,
  runbookBaseUrl: true,
  mskClusterName: true,
  dashboard: true,
};

/** Base URL that a runbook's name is appended to. */
export const RUNBOOK_BASE_URL = /^https?:\/\/\S+$/;

/** The names that MSK accepts. The pattern also keeps quotes out of the metrics query. */
const CLUSTER_NAME = /^[A-Za-z0-9-]{1,64}$/;

/**
 * Fills in the defaults and checks the options.
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

/** @throws OutboxError `invalid-option` for a malformed URL. */
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
