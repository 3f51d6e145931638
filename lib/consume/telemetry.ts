import { inspect } from 'node:util';
import { errorText, isRecord, withoutUndefined } from '../event/options';
import type { ConsumerTelemetry } from './ports';
import { consumerTelemetry } from './telemetry-powertools';

const nothing = (): void => undefined;

export const NO_LOG = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const NO_METRICS = { addMetric: nothing, publishStoredMetrics: nothing };

/** Reports nothing. */
export const SILENT: ConsumerTelemetry = consumerTelemetry({ logger: NO_LOG, metrics: NO_METRICS });

/** Turns errors of the telemetry into warnings of the process: they must not end the work that it reports. */
export function harmless(telemetry: ConsumerTelemetry): ConsumerTelemetry {
  const harmlessMethods = new Map<unknown, unknown>();
  return new Proxy(telemetry, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      const known = harmlessMethods.get(method);
      if (known !== undefined) return known;
      const warn = (error: unknown): void => {
        process.emitWarning(errorText(error), { type: 'ConsumerTelemetryWarning' });
      };
      const call = (...given: unknown[]): void => {
        try {
          const result: unknown = Reflect.apply(method, target, given);
          if (result instanceof Promise) result.catch(warn);
        } catch (error) {
          warn(error);
        }
      };
      harmlessMethods.set(method, call);
      return call;
    },
  });
}

/** Logs warnings and errors to stderr. Drops debug and info lines, and metrics. */
export const consoleTelemetry = (consumer: string): ConsumerTelemetry =>
  consumerTelemetry({
    logger: {
      ...NO_LOG,
      warn: (message, fields) => console.warn(lineOf(consumer, message, fields)),
      error: (message, fields) => console.error(lineOf(consumer, message, fields)),
    },
    metrics: NO_METRICS,
  });

/** One line for `grep` with all fields of a message. The stack frames of an error follow in lines of their own. */
function lineOf(consumer: string, message: string, fields: Record<string, unknown>): string {
  const { cause, ...known } = fields;
  const { stack, ...error } = isRecord(cause) ? cause : { stack: undefined };
  const shown = withoutUndefined({ ...known, cause: isRecord(cause) ? error : cause });
  const line = `Consumer ${consumer}: ${message} ${inspect(shown, { breakLength: Infinity, compact: true, depth: 5 })}`;
  const frames = typeof stack === 'string' ? stack.split('\n').filter((frame) => /^\s+at /.test(frame)) : [];
  return [line, ...frames].join('\n');
}
