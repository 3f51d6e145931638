import type { ResolvedBrokers } from '../cluster/broker-props';
import { isServerlessArn } from '../cluster/outbox-cluster-props';
import { clusterNameIn, known } from '../options/arn';
import { requireOption } from '../options/invalid-option';

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
