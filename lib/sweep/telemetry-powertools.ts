import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { SWEEPER_METRICS, SWEEPER_SERVICE } from '../event/metrics';
import { powertoolsOf, type PowertoolsOptions } from '../relay/telemetry-powertools';
import type { PartitionProbeReport } from './probe-partitions';
import type { SweepReport } from './sweep';

/** Reports the number of keys that are held for partitions; reports nothing if there are none. */
export function powertoolsProbeReporter(options: PowertoolsOptions): (report: PartitionProbeReport) => void {
  const { logger, metrics } = powertoolsOf(SWEEPER_SERVICE, options);
  return ({ partitions, keys, probes, failures }) => {
    if (keys === 0) return;
    metrics.addMetric(SWEEPER_METRICS.keysHeldForPartitions, MetricUnit.Count, keys);
    metrics.publishStoredMetrics();
    logger.warn('Keys are held for unavailable partitions', { partitions, keys, probes });
    for (const cause of failures)
      logger.error('The drain signal that probes a partition could not be sent; the next run sends it', { cause });
  };
}

/**
 * Reports a run as structured logs and EMF metrics by AWS Lambda Powertools. A run that did not read the table reports
 * nothing of its items.
 */
export function powertoolsReporter(options: PowertoolsOptions): (report: SweepReport) => void {
  const { logger, metrics } = powertoolsOf(SWEEPER_SERVICE, options);
  return (report) => {
    const { failures, ...counted } = report;
    const endedAt = report.startedAt + report.durationMs;
    const ageMs = (at: number | undefined): number => (at === undefined ? 0 : Math.max(0, endedAt - at));
    const { Count, Milliseconds } = MetricUnit;
    if (report.cause !== undefined) {
      metrics.addMetric(SWEEPER_METRICS.scannedItems, Count, report.items);
      metrics.addMetric(SWEEPER_METRICS.pendingItems, Count, report.pending);
      metrics.addMetric(SWEEPER_METRICS.oldestPendingAge, Milliseconds, ageMs(report.oldestPendingAt));
      metrics.addMetric(SWEEPER_METRICS.waitingItems, Count, report.waiting);
      metrics.addMetric(SWEEPER_METRICS.parkedItems, Count, report.parked);
      metrics.addMetric(SWEEPER_METRICS.unprocessableSignalsLeft, Count, report.unprocessableSignals);
    }
    metrics.addMetric(SWEEPER_METRICS.heldKeys, Count, report.heldKeys);
    metrics.addMetric(SWEEPER_METRICS.oldestHoldAge, Milliseconds, ageMs(report.oldestHoldAt));
    metrics.addMetric(SWEEPER_METRICS.signalsSent, Count, report.signalsSent);
    metrics.addMetric(SWEEPER_METRICS.signalsReplaced, Count, report.signalsReplaced);
    metrics.addMetric(
      SWEEPER_METRICS.streamGapSuspected,
      Count,
      ['began', 'continues'].includes(report.gapSuspicion) ? 1 : 0,
    );
    metrics.addMetric(SWEEPER_METRICS.readUnits, Count, report.readUnits);
    metrics.addMetric(SWEEPER_METRICS.duration, Milliseconds, report.durationMs);
    metrics.addMetric(SWEEPER_METRICS.complete, Count, report.complete ? 1 : 0);
    metrics.addMetric(SWEEPER_METRICS.failures, Count, failures.length);
    metrics.publishStoredMetrics();
    if (report.cause === undefined) logger.info('The table needed no sweep', { durationMs: report.durationMs });
    else logger.info('Swept the table', { ...counted });
    for (const cause of failures) logger.error('A part of the sweep failed; the next run repeats it', { cause });
  };
}
