import { known } from '../options/locations';
import { requireOption } from '../options/invalid-option';
import { MAX_MESSAGE_BYTES, maxMessageBytesOf, type LimitedTopic } from './topic-rules';

/**
 * Regions whose CloudFormation has `AWS::MSK::ServerlessCluster`: the schemas of cfn-lint 1.58.0, read on 2026-11-28
 * (`cfnlint/data/schemas/providers/<region>.json`).
 */
const REGIONS: ReadonlySet<string> = new Set(
  `af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
  ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
  cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-isoe-west-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2
  eu-west-3 eusc-de-east-1 il-central-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-iso-east-1 us-iso-west-1
  us-isob-east-1 us-isob-west-1 us-isof-east-1 us-isof-south-1 us-west-2`.split(/\s+/),
);

/** Why a serverless cluster may fail to deploy in a region; `undefined` if the region supports it or is unknown. */
export function serverlessRegionWarning(region: string): string | undefined {
  const here = known(region);
  if (here === undefined || REGIONS.has(here)) return undefined;
  return `MSK Serverless was not offered in ${here} on 2026-11-28 (CloudFormation had no AWS::MSK::ServerlessCluster there). If it still is not, the deployment fails. Use OutboxCluster.express or OutboxCluster.standard, or deploy to another region.`;
}

/** Quotas of MSK Serverless; the first two apply to a cluster. */
const PARTITIONS = 2_400;
const COMPACTED_PARTITIONS = 120;
const MESSAGE_BYTES = 8 * 1024 * 1024;

export interface SizedTopic extends LimitedTopic {
  readonly partitions: number;
}

/** @throws OutboxError `invalid-option` for topics that no MSK Serverless cluster could hold, even without others. */
export function checkServerlessQuotas(topics: readonly SizedTopic[]): void {
  const compacted = topics.filter(({ configs }) => configs['cleanup.policy']?.includes('compact') === true);
  checkPartitions(topics, PARTITIONS, 'partitions');
  checkPartitions(compacted, COMPACTED_PARTITIONS, 'partitions of compacted topics');
  for (const topic of topics) {
    const bytes = maxMessageBytesOf(topic);
    requireOption(
      bytes === undefined || bytes <= MESSAGE_BYTES,
      `topics["${topic.topic}"].configs["${MAX_MESSAGE_BYTES}"]`,
      bytes,
      `at most ${MESSAGE_BYTES}`,
      'MSK Serverless takes messages of up to 8 MiB. Send a reference to the data, or use OutboxCluster.express.',
    );
  }
}

function checkPartitions(topics: readonly SizedTopic[], quota: number, what: string): void {
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions, 0);
  requireOption(
    partitions <= quota,
    'topics',
    `${topics.length} topics with ${partitions} partitions`,
    `at most ${quota} ${what} together`,
    'That is the quota of a cluster of MSK Serverless. Lower their partitions, or use OutboxCluster.express.',
  );
}
