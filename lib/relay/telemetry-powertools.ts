import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { METRICS_NAMESPACE, OUTBOX_DIMENSION, RELAY_METRICS, RELAY_SERVICE } from '../event/metrics';
import { partitionName } from '../event/topic-partition';
import { repeatedLog, RepeatedLines } from '../event/repeated-lines';
import type { RelayConfig } from './environment';
import type { Telemetry } from './ports';

/** An EMF metric holds 100 values. At 100, Powertools writes a separate document. */
const LATENCY_SAMPLES = 99;

export interface PowertoolsOptions {
  readonly outboxName: string;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** The given logger and metrics, or new ones for a function of the outbox. */
export const powertoolsOf = (serviceName: string, { outboxName, logger, metrics }: PowertoolsOptions) => ({
  logger: logger ?? new Logger({ serviceName, persistentKeys: { outbox: outboxName } }),
  metrics:
    metrics ??
    new Metrics({
      namespace: METRICS_NAMESPACE,
      serviceName,
      defaultDimensions: { [OUTBOX_DIMENSION]: outboxName },
    }),
});

/**
 * Structured logs and EMF metrics by AWS Lambda Powertools; one EMF document per invocation, written at its end.
 *
 * @param options - an event that took longer than `publishWithinMs` from commit to acknowledgement counts as late
 */
export function powertoolsTelemetry(options: PowertoolsOptions & Pick<RelayConfig, 'publishWithinMs'>): Telemetry {
  const { publishWithinMs } = options;
  const { logger, metrics } = powertoolsOf(RELAY_SERVICE, options);
  let latencies: readonly number[] = [];
  const totals = new Map<string, number>();
  const add = (name: string, value = 1): void => {
    totals.set(name, (totals.get(name) ?? 0) + value);
  };

  const logRepeated = repeatedLog(logger, new RepeatedLines());

  return {
    received(records) {
      add(RELAY_METRICS.batchSize, records);
    },
    published({ bytes, latencyMs }) {
      add(RELAY_METRICS.publishedEvents, latencyMs.length);
      // A count of zero matters: the share of late events is known only where both metrics were emitted.
      add(RELAY_METRICS.lateEvents, latencyMs.filter((latency) => latency > publishWithinMs).length);
      add(RELAY_METRICS.publishedBytes, bytes);
      latencies = latencies.concat(latencyMs);
    },
    duplicateSkipped({ pk, sk, id }) {
      add(RELAY_METRICS.duplicatesSkipped);
      logger.debug('Skipped an item that is acknowledged or discarded', { pk, sk, id });
    },
    heldBack({ pk, sk }, { position, reason, since }) {
      add(RELAY_METRICS.heldItems);
      logger.debug('Skipped an item behind the hold of its key', { pk, sk, position, reason, since });
    },
    parked({ pk, sk, id, reason, message }) {
      add(RELAY_METRICS.parkedItems);
      logger.error('Parked an item and held its key', { pk, sk, id, reason, refusal: message });
    },
    breakerOpen({ pk, sk, reason, message }, recentHolds) {
      add(RELAY_METRICS.breakerOpen);
      const what = 'Many keys were parked within minutes: the relay stops parking and the shard waits';
      logRepeated('error', what, undefined, { of: message, pk, sk, reason, refusal: message, recentHolds });
    },
    markFailed({ pk, sk, id }, cause) {
      add(RELAY_METRICS.markFailures);
      logRepeated('warn', 'Published an item but could not mark it', cause, { pk, sk, id });
    },
    outage({ message, cause, partitions, since }) {
      add(RELAY_METRICS.outages);
      const names = partitions?.map(partitionName);
      logRepeated('error', 'Outage: the shard waits and nothing is lost', cause, {
        of: `${message} ${String(names)}`,
        outage: message,
        partitions: names,
        since: since === undefined ? undefined : new Date(since).toISOString(),
      });
    },
    heldForPartition(partition, keys) {
      logger.warn('A partition accepts no writes while others do: held its keys', {
        partition: partitionName(partition),
        keys,
      });
    },
    waitingForPartitions(partitions, keys) {
      logger.info('Keys are held for partitions that accept no writes', {
        partitions: partitions.map(partitionName),
        keys,
      });
    },
    partitionRecovered(partition, keys) {
      logger.info('A partition accepts writes again: its keys are drained', {
        partition: partitionName(partition),
        keys,
      });
    },
    keyFailed(pk, { message, cause }) {
      add(RELAY_METRICS.keyFailures);
      const what = 'A key failed: its records are delivered again, and other keys continue';
      logRepeated('warn', what, cause, { of: `${pk} ${message}`, pk, failure: message });
    },
    producerRebuilt(cause) {
      add(RELAY_METRICS.producerRebuilds);
      logRepeated('warn', 'Replaced the Kafka producer', cause);
    },
    signalUnprocessable({ pk, sk }, why) {
      add(RELAY_METRICS.unprocessableSignals);
      logger.error('Marked a signal as unprocessable', { pk, sk, why });
    },
    lookedUp(reason, count) {
      add(RELAY_METRICS.lookBacks, count);
      logger.info('Looked up records in the table before publishing them', { reason, count });
    },
    drained({ pk, outcome, published, signals }) {
      add(RELAY_METRICS.drains);
      if (outcome === 'postponed') add(RELAY_METRICS.drainsPostponed);
      logger.info('Drained a key', { pk, outcome, published, requests: signals.map(({ request }) => request) });
    },
    discarded({ pk, position, id, request }) {
      add(RELAY_METRICS.discardedItems);
      logger.warn('Discarded a parked item', { pk, position, id, request });
    },
    replayed({ pk, replayId, topic, request }, items) {
      add(RELAY_METRICS.replayedItems, items);
      logger.info('Replayed processed items', { pk, items, replayId, topic, request });
    },
    attemptAfterCrash({ pk, sk, id }, attemptsStarted) {
      add(RELAY_METRICS.suspectStarts);
      logger.warn('Publishes an item on which the process has died before', { pk, sk, id, attemptsStarted });
    },
    predecessorMissing({ pk, sk }) {
      add(RELAY_METRICS.predecessorWaits);
      logger.info('An item waits for the version before it', { pk, sk });
    },
    streamChanged(from, to) {
      add(RELAY_METRICS.streamChanges);
      logger.warn('The table has another stream than before', { from, to });
    },
    finished({ failedFrom }) {
      for (const [name, value] of totals) {
        metrics.addMetric(name, name === RELAY_METRICS.publishedBytes ? MetricUnit.Bytes : MetricUnit.Count, value);
      }
      for (const latency of sample(latencies, LATENCY_SAMPLES)) {
        metrics.addMetric(RELAY_METRICS.commitToAckLatency, MetricUnit.Milliseconds, latency);
      }
      totals.clear();
      latencies = [];
      metrics.publishStoredMetrics();
      if (failedFrom !== undefined) logger.info('Requested the delivery of records again', { failedFrom });
    },
  };
}

/** At most `size` of the values, evenly spread over their sorted order, smallest and largest included. */
export function sample(values: readonly number[], size: number): readonly number[] {
  if (values.length <= size) return values;
  const sorted = values.toSorted((a, b) => a - b);
  return Array.from({ length: size }, (_, at) => sorted[Math.round((at * (sorted.length - 1)) / (size - 1))] ?? 0);
}
