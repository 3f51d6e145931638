import { inspect } from 'node:util';
import { isRecord, withoutUndefined } from '../event/options';
import type { ConsumerTelemetry } from './ports';
import { consumerTelemetry } from './telemetry-powertools';

const nothing = (): void => undefined;

/** Logs warnings and errors to stderr. Drops debug and info lines, and metrics. */
export const consoleTelemetry = (consumer: string): ConsumerTelemetry =>
  consumerTelemetry({
    logger: {
      debug: nothing,
      info: nothing,
      warn: (message, fields) => console.warn(lineOf(consumer, message, fields)),
      error: (message, fields) => console.error(lineOf(consumer, message, fields)),
    },
    metrics: { addMetric: nothing, publishStoredMetrics: nothing },
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
