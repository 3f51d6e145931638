import type { Context } from 'aws-lambda';
import { SWEEPER_SERVICE } from '../../lib/event/metrics';
import { dynamodbClient } from '../../lib/relay/dynamodb/client';
import { sweepStore } from '../../lib/sweep/dynamodb-store';
import { mappingClient, mappingDescriber } from '../../lib/sweep/lambda-mapping';
import { decodeSweeperConfig } from '../../lib/sweep/environment';
import { isProbeEvent, probePartitions, type PartitionProbeReport } from '../../lib/sweep/probe-partitions';
import { sweep, type SweepReport } from '../../lib/sweep/sweep';
import { powertoolsProbeReporter, powertoolsReporter } from '../../lib/sweep/telemetry-powertools';
import { wait } from '../../lib/timing/wait';

const config = decodeSweeperConfig(process.env);
const report = powertoolsReporter(config);
const reportProbe = powertoolsProbeReporter(config);
const passes =
  config.mappingId === undefined
    ? undefined
    : {
        intervalMs: config.fullSweepIntervalSeconds * 1000,
        describeMapping: mappingDescriber(mappingClient(), config.mappingId),
      };
const store = sweepStore(dynamodbClient(), config, { now: Date.now }, wait);

/**
 * Runs one sweep or, once a minute, one probe of the partitions for which keys are held. If a part of the run fails, it
 * rejects at the end, so that Lambda counts an error.
 */
export async function handler(
  event: unknown,
  context: Context,
): Promise<Omit<SweepReport, 'failures'> | Omit<PartitionProbeReport, 'failures'>> {
  if (isProbeEvent(event)) return probe();
  const { failures, ...done } = await sweep(store, {
    overdueAfterMs: config.overdueAfterSeconds * 1000,
    sweepIntervalMs: config.sweepIntervalSeconds * 1000,
    readUnitsPerSecond: config.readUnitsPerSecond,
    passes,
    by: SWEEPER_SERVICE,
    remainingMs: () => context.getRemainingTimeInMillis(),
    now: Date.now,
  });
  report({ ...done, failures });
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} parts of the sweep failed.`);
  return done;
}

async function probe(): Promise<Omit<PartitionProbeReport, 'failures'>> {
  const { failures, ...done } = await probePartitions(store, { by: SWEEPER_SERVICE, now: Date.now });
  reportProbe({ ...done, failures });
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} partitions could not be tried.`);
  return done;
}
