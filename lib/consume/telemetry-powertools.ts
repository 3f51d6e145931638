import { OutboxError } from '../event/errors';
import { CONSUMER_METRICS } from '../event/metrics';
import { formatReceipt } from '../event/receipt';
import { causeFields, causeKey, repeatedLog, RepeatedLines } from '../event/repeated-lines';
import type { EventEnvelope } from './decode';
import type { ConsumerTelemetry } from './ports';
import type { ConsumedRecord } from './record';

/** An EMF metric holds 100 values, and Powertools writes a document of its own as soon as there are that many. */
const LATENCY_SAMPLES = 99;

/** The part of Powertools' `Logger` that is called, declared here so that a consumer does not need Powertools. */
export interface TelemetryLogger {
  /** For normal and frequent facts, such as a duplicate. */
  debug(message: string, fields: Record<string, unknown>): void;
  /** For changes in how the consumer works. */
  info(message: string, fields: Record<string, unknown>): void;
  /** For facts that an operator may want to check. */
  warn(message: string, fields: Record<string, unknown>): void;
  /** For messages that wait or are dead-lettered until an operator acts. */
  error(message: string, fields: Record<string, unknown>): void;
}

/** The part of Powertools' `Metrics` that is called. */
export interface TelemetryMetrics {
  /** Adds one value. */
  addMetric(name: string, unit: 'Count' | 'Milliseconds', value: number): void;
  /** Writes the added values. */
  publishStoredMetrics(): void;
}

/** The destinations of logs and metrics. */
export interface ConsumerTelemetryOptions {
  readonly logger: TelemetryLogger;
  readonly metrics: TelemetryMetrics;
}

/**
 * Structured logs and EMF metrics by AWS Lambda Powertools, one EMF document per flush.
 *
 * @example
 * ```ts
 * const telemetry = consumerTelemetry({
 *   logger: new Logger({ serviceName: 'shipping' }),
 *   metrics: new Metrics({ namespace: 'Shop', serviceName: 'shipping' }),
 * });
 * ```
 */
export function consumerTelemetry(options: ConsumerTelemetryOptions): ConsumerTelemetry {
  const { logger, metrics } = options;
  const latencies = new LatencySample(LATENCY_SAMPLES);
  const totals = new Map<string, number>();
  /** Counts a fact, and returns the logger for its line. */
  const counted = (metric: keyof typeof CONSUMER_METRICS, count = 1): TelemetryLogger => {
    const name = CONSUMER_METRICS[metric];
    totals.set(name, (totals.get(name) ?? 0) + count);
    return logger;
  };
  const repeated = new RepeatedLines();
  const logRepeated = repeatedLog(logger, repeated);

  return {
    applied(event, latencyMs) {
      if (latencyMs !== undefined) latencies.add(latencyMs);
      counted('appliedEvents').debug('Applied an event', { ...nameOf(event), latencyMs });
    },
    duplicateIgnored(event, { below }) {
      counted('duplicatesIgnored');
      const message = 'Ignored an event that is older than the remembered events of its key';
      if (below) counted('duplicatesBelowWindow').warn(message, nameOf(event));
      else logger.debug('Ignored a duplicate', nameOf(event));
    },
    replayIgnored(event) {
      counted('replaysIgnored').debug('Ignored a replay', { ...nameOf(event), replayId: event.replayId });
    },
    unknownTypeSkipped(event) {
      counted('unknownTypesSkipped').debug('Skipped an event whose type is not in the catalogue', nameOf(event));
    },
    late(event) {
      const message = 'Received an event for the first time after a later event of its key';
      counted('lateEvents').warn(message, nameOf(event));
    },
    gap(event, { otherTopics, ...missing }, { waits }) {
      const fields = { ...nameOf(event), ...missing, waits };
      const message = 'Events of a key are missing, or went to another topic. To find out which, run outbox explain';
      if (otherTopics === undefined) counted('gaps').warn('Events of a key are missing', fields);
      else counted('possibleGaps').warn(message, { ...fields, otherTopics });
    },
    lostIdentity(event, { applied }) {
      const message = 'An event has the identity of another one: two writers share source, aggregate, key and topic';
      counted('lostIdentities').error(message, { ...nameOf(event), applied });
    },
    keyDelayed(event, cause) {
      logRepeated('warn', 'A key waits: a service or an item is unavailable or throttled', cause, nameOf(event));
    },
    attemptFailed(event, attempt, cause) {
      // Only the first attempt logs the stack: four repetitions of it would hide the rest of a log.
      const line = { isFirst: attempt === 1, leftOut: 0 };
      const fields = { ...nameOf(event), attempt, ...causeFields(cause, line) };
      counted('failedAttempts').warn('Could not apply an event', fields);
    },
    deadLettered(record, { reason, message }) {
      const { topic, partition, offset } = record;
      const place = { receipt: formatReceipt(record), topic, partition, offset: String(offset) };
      counted('deadLetters').error('Sent a message to its dead-letter topic', { ...place, reason, refusal: message });
    },
    deadLetterFailed(record, cause, note) {
      counted('deadLetterFailures');
      const { topic: deadLetterTopic, of } = failureOf(record, cause);
      // The topic and the receipt show where to look; the stack frames do not.
      const error = cause instanceof Error ? { name: cause.name, message: cause.message } : cause;
      logRepeated('error', 'Could not send a message to its dead-letter topic; its partition waits', error, {
        of,
        deadLetterTopic,
        receipt: formatReceipt(record),
        // A deployment that removes the reason keeps the order; a dead letter does not.
        ...(note === undefined ? {} : { reason: note.reason, refusal: note.message }),
      });
    },
    parked(event, why) {
      counted('parkedEvents').error('Parked an event', { ...nameOf(event), why });
    },
    released(key) {
      counted('releasedKeys').info('Released a parked key', { key });
    },
    requestCompleted({ id, asks, outcome, request, message }) {
      const fields = { id, asks, outcome, request, refusal: message };
      counted('answeredRequests').info("Completed an operator's request", fields);
    },
    requestFailed(cause) {
      counted('requestFailures');
      logRepeated('error', 'Could not carry out requests of operators; the next poll retries', cause);
    },
    outage(cause) {
      // The caller reports an outage only once: a line that is left out would hide an outage that lasts.
      const { isFirst } = repeated.admit(`outage ${causeKey(cause)}`) ?? { isFirst: false };
      counted('outages').error('Outage: messages wait, and none is lost', causeFields(cause, { isFirst, leftOut: 0 }));
    },
    outageOver() {
      logger.info('The outage is over', {});
    },
    commitFailed(cause) {
      counted('commitFailures');
      logRepeated('warn', 'Could not commit offsets', cause);
    },
    readFailed(cause) {
      logRepeated('error', 'Cannot read Kafka; the consumer retries', cause);
    },
    messagesGone({ topic, partition, from, to, count }) {
      const receipt = from === undefined ? {} : { receipt: formatReceipt({ topic, partition, offset: from }) };
      const range = { from: from === undefined ? undefined : String(from), to: String(to), count: count ?? 'unknown' };
      counted('messagesGone', count ?? 1).error(
        'Messages are gone from Kafka before they were read; the consumer continues at the beginning of the log',
        { ...receipt, topic, partition, ...range },
      );
    },
    topicsMissing({ topics }) {
      counted('missingTopics', topics.length).error('The consumer waits for topics that do not exist', { topics });
    },
    rebalanced({ assigned }) {
      counted('rebalances').info('Joined the group', { assigned });
    },
    flush() {
      if (totals.size === 0) return;
      for (const [name, value] of totals) metrics.addMetric(name, 'Count', value);
      for (const latency of latencies.take()) {
        metrics.addMetric(CONSUMER_METRICS.commitToApplyLatency, 'Milliseconds', latency);
      }
      totals.clear();
      metrics.publishStoredMetrics();
    },
  };
}

/** A random sample of fixed size: a consumer may apply thousands of events between two flushes. */
class LatencySample {
  readonly #size: number;
  #values: number[] = [];
  #added = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(value: number): void {
    const isFull = this.#values.length >= this.#size;
    this.#added++;
    const at = isFull ? Math.floor(Math.random() * this.#added) : this.#values.length;
    if (at < this.#size) this.#values[at] = value;
  }

  take(): readonly number[] {
    const values = this.#values;
    this.#values = [];
    this.#added = 0;
    return values;
  }
}

/** Without the event's key, which may be personal data and is in the message of its topic. */
function nameOf({ receipt, topic, source, aggregate, type, id, sequence }: EventEnvelope) {
  return { receipt, topic, source, aggregate, type, id, sequence };
}

/** The dead-letter topic, if the error names it, and the id that repeated lines about it share. */
function failureOf(record: ConsumedRecord, cause: unknown): { readonly topic?: string; readonly of: string } {
  if (!(cause instanceof OutboxError)) return { of: `${record.topic} ${causeKey(cause)}` };
  // It concerns only this message; the others concern every message of the topic.
  if (cause.is('dead-letter-too-large')) return { topic: cause.details.topic, of: formatReceipt(record) };
  if (cause.is('topic-missing')) return { topic: cause.details.topics[0], of: `${cause.code} ${record.topic}` };
  if (cause.is('service-unavailable')) return { topic: cause.details.place, of: `${cause.code} ${record.topic}` };
  return { of: `${cause.code} ${record.topic}` };
}
