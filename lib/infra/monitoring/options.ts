import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ResolvedBrokers } from '../cluster/broker-props';
import { isServerlessArn } from '../cluster/outbox-cluster-props';
import { requireOption } from '../options/invalid-option';
import { clusterNameIn, known } from '../options/locations';
import { anyValue, resolveOptions, text, unchecked, type OptionTable, type Resolved } from '../options/option-table';
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

/** The options that the alarms of an outbox and of a consumer share. */
export const NOTIFICATION_OPTIONS = {
  ...unchecked('pageTopic', 'ticketTopic'),
  runbookBaseUrl: text({
    pattern: /^https?:\/\/\S+$/,
    allowed: 'a URL that begins with https:// or http://',
    advice: 'A runbook is then found at <runbookBaseUrl>/<name>.md.',
  }),
  dashboard: anyValue(true),
};

const OPTIONS = {
  ...NOTIFICATION_OPTIONS,
  slo: anyValue(),
  // The names that MSK accepts. The pattern also keeps quotes out of the metrics query.
  mskClusterName: text({
    pattern: /^[A-Za-z0-9-]{1,64}$/,
    allowed: 'the name of a cluster: letters, digits and hyphens',
    advice: 'It is the part between "cluster/" and the next "/" of the ARN.',
  }),
} satisfies OptionTable<OutboxMonitoringOptions>;

export type ResolvedMonitoring = Omit<Resolved<OutboxMonitoringOptions, typeof OPTIONS>, 'slo'> & {
  readonly slo: ResolvedSlo;
};

export function resolveMonitoring(options: OutboxMonitoringOptions = {}): ResolvedMonitoring {
  const resolved = resolveOptions('monitoring', options, OPTIONS, 'monitoring.');
  return { ...resolved, slo: resolveSlo(options.slo) };
}

type UsedCluster = Pick<ResolvedBrokers, 'cluster' | 'authentication'>;

/** @throws OutboxError `invalid-option` for a cluster without these metrics, or one that is not the outbox's. */
export function checkMskClusterName(
  mskClusterName: string | undefined,
  { cluster, authentication }: UsedCluster,
): void {
  if (mskClusterName === undefined) return;
  const clusterArn = cluster?.clusterArn ?? authentication.clusterArn;
  requireOption(
    cluster?.kind !== 'serverless' && !isServerlessArn(clusterArn),
    'monitoring.mskClusterName',
    mskClusterName,
    'left out on MSK Serverless',
    'MSK Serverless has no metrics of refused connections: the alarm could never fire.',
  );
  const given = known(mskClusterName);
  const own = known(cluster?.clusterName) ?? clusterNameIn(clusterArn);
  requireOption(
    given === undefined || own === undefined || given === own,
    'monitoring.mskClusterName',
    given,
    `the name of the outbox's cluster (${own ?? ''})`,
    'The alarm would watch another cluster. Leave it out for a cluster that the app makes.',
  );
}

/** The name of a cluster that the app makes: only such a cluster is known to report per broker. */
export const ownMskCluster = ({ cluster, authentication }: UsedCluster): string | undefined =>
  cluster === undefined || cluster.exists || cluster.kind === 'serverless' || authentication.settings.kind !== 'iam'
    ? undefined
    : cluster.clusterName;
