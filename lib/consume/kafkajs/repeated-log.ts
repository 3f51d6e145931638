import type { Logger } from 'kafkajs';
import { withoutUndefined } from '../../event/options';
import { RepeatedLines } from '../../event/repeated-lines';

const LOGGER = 'private:Kafka:logger';
const dampenedOf = new WeakMap<object, Logger>();

/**
 * Makes the object that `create` returns log a repeated warning or error once, and then with backoff: a missing topic
 * caused 700 lines a minute, some with a stack. The client itself and its other objects log as before. A client without
 * the internal field of kafkajs 2.2.4 is used unchanged.
 */
export function withRepeatedLog<T>(client: object, create: () => T): T {
  const key = Object.getOwnPropertySymbols(client).find(({ description }) => description === LOGGER);
  if (key === undefined || Object.getOwnPropertyDescriptor(client, key)?.writable !== true) return create();
  const logs = client as Record<symbol, Logger>;
  const own = logs[key];
  if (typeof own?.error !== 'function' || typeof own.namespace !== 'function') return create();
  const dampened = dampenedOf.get(client) ?? dampen(own, new RepeatedLines(), '');
  dampenedOf.set(client, dampened);
  // kafkajs reads the field only while it creates the object.
  logs[key] = dampened;
  try {
    return create();
  } finally {
    logs[key] = own;
  }
}

function dampen(logger: Logger, lines: RepeatedLines, namespace: string): Logger {
  const repeated =
    (level: 'warn' | 'error') =>
    (message: string, extra: object = {}): void => {
      const { stack, error, ...fields } = extra as { readonly stack?: unknown; readonly error?: unknown };
      const line = lines.admit(`${level} ${namespace} ${message} ${String(error)}`);
      if (line === undefined) return;
      const repetition = { stack: line.isFirst ? stack : undefined, leftOut: line.leftOut || undefined };
      logger[level](message, withoutUndefined({ ...fields, error, ...repetition }));
    };
  return {
    info: (message, extra) => logger.info(message, extra),
    debug: (message, extra) => logger.debug(message, extra),
    warn: repeated('warn'),
    error: repeated('error'),
    namespace: (name, level) => dampen(logger.namespace(name, level), lines, name),
    setLogLevel: (level) => logger.setLogLevel(level),
  };
}
