import { keeps, RULES } from './item-rules';
import { readOptions, required, text, type OptionTable } from './option-rules';
import { errorText, isRecord } from './options';

/** W3C Trace Context of the cause of the events; consumers link to it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

const OPTIONS = {
  traceparent: required(text(RULES.traceparent)),
  tracestate: text(RULES.tracestate),
} satisfies OptionTable<TraceContext>;

export const checkTraceContext = (given: TraceContext): TraceContext => readOptions(given, OPTIONS, 'traceContext');

/** The part of `@opentelemetry/api` that is used, declared here so that its types are not needed either. */
interface OpenTelemetry {
  readonly trace: { getActiveSpan(): { spanContext(): SpanContext } | undefined };
  isSpanContextValid(context: SpanContext): boolean;
}

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly traceState?: { serialize(): string };
}

const PACKAGE = '@opentelemetry/api';

/**
 * The context of the active span; `undefined` if OpenTelemetry's API is not installed or no span is active. An SDK that
 * throws becomes a warning of the process, once: the events have no trace context then.
 */
export function activeTraceContext(): TraceContext | undefined {
  const api = loadOnce();
  try {
    return readActive(api);
  } catch (error) {
    if (!hasWarned) process.emitWarning(errorText(error), { type: 'OutboxOpenTelemetryWarning' });
    hasWarned = true;
    return undefined;
  }
}

let hasWarned = false;

function readActive(api: OpenTelemetry | undefined): TraceContext | undefined {
  const span = api?.trace.getActiveSpan()?.spanContext();
  if (api === undefined || span === undefined || !api.isSpanContextValid(span)) return undefined;
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  const traceparent = `00-${span.traceId}-${span.spanId}-${flags}`;
  // The application did not pass these values: a tracer that breaks W3C's rules must not fail the application's writes.
  if (!keeps(RULES.traceparent, traceparent)) return undefined;
  const tracestate = span.traceState?.serialize();
  return keeps(RULES.tracestate, tracestate) ? { traceparent, tracestate } : { traceparent };
}

let loaded: { readonly api: OpenTelemetry | undefined } | undefined;

function loadOnce(): OpenTelemetry | undefined {
  loaded ??= { api: load() };
  return loaded.api;
}

function load(): OpenTelemetry | undefined {
  try {
    // Not `import()`, which fails in a CommonJS Jest. In this form bundlers find the package, or continue without it.
    return module.require('@opentelemetry/api') as OpenTelemetry;
  } catch (error) {
    if (isNotInstalled(error)) return undefined;
    throw error;
  }
}

/** Whether the package itself is missing, and not a dependency without which it cannot load. */
const isNotInstalled = (error: unknown): boolean =>
  isRecord(error) &&
  error['code'] === 'MODULE_NOT_FOUND' &&
  typeof error['message'] === 'string' &&
  error['message'].includes(`'${PACKAGE}'`);
