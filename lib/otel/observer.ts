import type { Tracer } from '@opentelemetry/api';
import type { Instruments } from './instruments';

/** The destinations of spans and metrics. */
export interface Observer {
  tracer(): Tracer;
  instruments(): Instruments;
}
