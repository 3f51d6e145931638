import { isRecord, refuseOption, requireOptions } from '../event/options';

/** W3C Trace Context of what caused the events; consumers link to it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const TRACESTATE = /^[\x20-\x7e]+$/;

export function checkTraceContext(value: unknown): TraceContext {
  const { traceparent, tracestate } = requireOptions(value, ['traceparent', 'tracestate'], 'traceContext');
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) {
    return refuseOption('traceContext.traceparent', traceparent, 'a W3C traceparent of version, trace, span and flags');
  }
  if (tracestate === undefined) return { traceparent };
  return typeof tracestate === 'string' && TRACESTATE.test(tracestate)
    ? { traceparent, tracestate }
    : refuseOption('traceContext.tracestate', tracestate, 'a W3C tracestate');
}

/** The part of `@opentelemetry/api` that is read, described here so that its types are not needed either. */
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

/** The context of the span that is active now; none when OpenTelemetry's API is not installed or no span is active. */
export function activeTraceContext(): TraceContext | undefined {
  const api = loadOnce();
  const span = api?.trace.getActiveSpan()?.spanContext();
  if (api === undefined || span === undefined || !api.isSpanContextValid(span)) return undefined;
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  const traceparent = `00-${span.traceId}-${span.spanId}-${flags}`;
  const tracestate = span.traceState?.serialize();
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

let loaded: { readonly api: OpenTelemetry | undefined } | undefined;

function loadOnce(): OpenTelemetry | undefined {
  loaded ??= { api: load() };
  return loaded.api;
}

function load(): OpenTelemetry | undefined {
  try {
    // Not `import()`, which fails in a CommonJS Jest; in this form and place bundlers find the package, or go without it.
    return module.require('@opentelemetry/api') as OpenTelemetry;
  } catch (error) {
    if (isNotInstalled(error)) return undefined;
    throw error;
  }
}

/** A package that is there but can not load, such as for a missing dependency of its own, must not look absent. */
const isNotInstalled = (error: unknown): boolean =>
  isRecord(error) &&
  error['code'] === 'MODULE_NOT_FOUND' &&
  typeof error['message'] === 'string' &&
  error['message'].includes(`'${PACKAGE}'`);
