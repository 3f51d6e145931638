import type { ConsumerTelemetry } from './ports';
import { consumerTelemetry } from './telemetry-powertools';

const nothing = (): void => undefined;

/** Tells of what waits, failed or was set aside, on stderr; what is normal, and metrics, go nowhere. */
export const consoleTelemetry = (consumer: string): ConsumerTelemetry =>
  consumerTelemetry({
    logger: {
      debug: nothing,
      info: nothing,
      warn: (message, fields) => console.warn(`Consumer ${consumer}: ${message}`, fields),
      error: (message, fields) => console.error(`Consumer ${consumer}: ${message}`, fields),
    },
    metrics: { addMetric: nothing, publishStoredMetrics: nothing },
  });
