import { GetMetricStatisticsCommand, type CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { GetTopicAttributesCommand, NotFoundException, type SNSClient } from '@aws-sdk/client-sns';
import { METRICS_NAMESPACE, OUTBOX_DIMENSION, SWEEPER_METRICS, SWEEPER_SERVICE } from '../../event/metrics';
import { decodeSweeperConfig } from '../../sweep/environment';
import { alarmPrefix, readAlarms } from '../alarms';
import { configOf } from './check-functions';
import { notifiedTopics } from './check-notices';
import type { DeployedAlarms, NoticeTopic, SweeperRuns } from './deployment';
import { existing, known, lookUp, map, NOT_LOCAL, type Lookup } from './lookup';

export async function alarmsOf(
  client: CloudWatchClient | undefined,
  outboxName: string,
): Promise<Lookup<DeployedAlarms>> {
  if (client === undefined) return NOT_LOCAL;
  const namePrefix = alarmPrefix(outboxName);
  return lookUp(async () => ({ namePrefix, alarms: await readAlarms(client, namePrefix) }));
}

export async function noticeTopicsOf(
  client: SNSClient | undefined,
  deployed: Lookup<DeployedAlarms>,
): Promise<Lookup<readonly NoticeTopic[]>> {
  if ('because' in deployed) return deployed;
  if (client === undefined) return NOT_LOCAL;
  const topics = notifiedTopics(deployed.value.alarms).map(async (arn): Promise<NoticeTopic> => {
    const answer = await lookUp(() => client.send(new GetTopicAttributesCommand({ TopicArn: arn })), NotFoundException);
    return {
      arn,
      attributes: map(answer, (found) => (found === undefined ? undefined : (found.Attributes ?? {}))),
    };
  });
  return known(await Promise.all(topics));
}

/**
 * Whether the sweeper runs, as its own metric shows: a schedule that is disabled or gone starts no run. Its invocations
 * prove nothing, because the probe of partitions invokes it each minute.
 */
export async function sweeperRunsOf(
  client: CloudWatchClient | undefined,
  sweeper: Lookup<FunctionConfiguration | undefined>,
): Promise<Lookup<SweeperRuns>> {
  const found = existing(sweeper, 'function');
  if ('because' in found) return found;
  if (client === undefined) return NOT_LOCAL;
  const { LastModified: modified } = found.value;
  const config = configOf(found.value, decodeSweeperConfig);
  if ('because' in config) return config;
  const everyMs = config.value.sweepIntervalSeconds * 1000;
  const now = Date.now();
  const from = now - RUNS_SEEN * everyMs - METRIC_DELAY_MS;
  const runs = await lookUp(() =>
    client.send(
      new GetMetricStatisticsCommand({
        ...{ Namespace: METRICS_NAMESPACE, MetricName: SWEEPER_METRICS.complete, Statistics: ['SampleCount'] },
        Dimensions: [
          { Name: OUTBOX_DIMENSION, Value: config.value.outboxName },
          { Name: 'service', Value: SWEEPER_SERVICE },
        ],
        ...{ StartTime: new Date(from), EndTime: new Date(now), Period: periodOf(now - from) },
      }),
    ),
  );
  return map(runs, ({ Datapoints = [] }) => ({
    everyMs,
    isSeen: Datapoints.some(({ SampleCount = 0 }) => SampleCount > 0),
    // A sweeper that was deployed just now cannot have run yet.
    isNew: modified !== undefined && Date.parse(modified) > from,
  }));
}

/** A healthy sweeper has run within this many periods. */
const RUNS_SEEN = 2;
/** CloudWatch shows a run some minutes later. */
const METRIC_DELAY_MS = 300_000;
/** CloudWatch returns at most 1,440 periods, each a multiple of a minute. */
const periodOf = (ms: number): number => Math.max(60, Math.ceil(ms / 1_440 / 60_000) * 60);
