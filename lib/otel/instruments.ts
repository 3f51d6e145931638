import { metrics, type Counter, type Histogram, type MeterProvider } from '@opentelemetry/api';
import { DURATION_BUCKETS, LATENCY_BUCKETS, METRICS } from './conventions';

export const SCOPE = 'dynamodb-outbox';

/** The instruments of one provider of meters. */
export interface Instruments {
  readonly operationDuration: Histogram;
  readonly sentMessages: Counter;
  readonly consumedMessages: Counter;
  readonly processDuration: Histogram;
  readonly relayReports: Counter;
  readonly relayLatency: Histogram;
  readonly consumerReports: Counter;
  readonly consumerLatency: Histogram;
}

/**
 * The instruments of `given`, or of the global provider at the time of the call: unlike a tracer, a meter that was made
 * before the SDK has started never reports.
 */
export function instrumentsOf(given: MeterProvider | undefined): () => Instruments {
  let known: { readonly provider: MeterProvider; readonly instruments: Instruments } | undefined;
  return () => {
    const provider = given ?? metrics.getMeterProvider();
    if (known?.provider !== provider) known = { provider, instruments: create(provider) };
    return known.instruments;
  };
}

function create(provider: MeterProvider): Instruments {
  const meter = provider.getMeter(SCOPE);
  const seconds = (description: string, explicitBucketBoundaries: number[]) => ({
    description,
    unit: 's',
    advice: { explicitBucketBoundaries },
  });
  return {
    operationDuration: meter.createHistogram(
      METRICS.operationDuration,
      seconds('Duration of messaging operation initiated by a producer or consumer client.', DURATION_BUCKETS),
    ),
    sentMessages: meter.createCounter(METRICS.sentMessages, {
      description: 'Number of messages producer attempted to send to the broker.',
      unit: '{message}',
    }),
    consumedMessages: meter.createCounter(METRICS.consumedMessages, {
      description: 'Number of messages that were delivered to the application.',
      unit: '{message}',
    }),
    processDuration: meter.createHistogram(
      METRICS.processDuration,
      seconds('Duration of processing operation.', DURATION_BUCKETS),
    ),
    relayReports: meter.createCounter(METRICS.relayReports, {
      description: 'Number of reports of the relay, by their name.',
      unit: '{report}',
    }),
    relayLatency: meter.createHistogram(
      METRICS.relayLatency,
      seconds('Time from the commit of an event to its acknowledgement by Kafka.', LATENCY_BUCKETS),
    ),
    consumerReports: meter.createCounter(METRICS.consumerReports, {
      description: 'Number of reports of the consumer, by their name.',
      unit: '{report}',
    }),
    consumerLatency: meter.createHistogram(
      METRICS.consumerLatency,
      seconds('Time from the commit of an event to its effect.', LATENCY_BUCKETS),
    ),
  };
}
