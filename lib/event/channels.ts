import { channel } from 'node:diagnostics_channel';
import type { Message } from './message';

/**
 * Names of the diagnostics channels. `write`, `send` and `process` are tracing channels: Node.js derives the names of
 * their parts, such as `tracing:dynamodb-outbox:write:start`.
 */
export const CHANNELS = {
  write: 'dynamodb-outbox:write',
  send: 'dynamodb-outbox:send',
  process: 'dynamodb-outbox:process',
  relay: 'dynamodb-outbox:relay',
  consumer: 'dynamodb-outbox:consumer',
} as const;

/** A channel of `node:diagnostics_channel` whose messages have one type. */
export interface ReportChannel<Report> {
  readonly name: string | symbol;
  readonly hasSubscribers: boolean;
  /** Calls each listener with the report before it returns. An error of a listener is an uncaught exception; the caller gets none. */
  publish(report: Report): void;
  /** Adds a listener. It is called within `publish`, so it must be fast. */
  subscribe(listener: (report: Report) => void): void;
  /** Returns whether the listener was subscribed. */
  unsubscribe(listener: (report: Report) => void): boolean;
}

/** The types of Node.js give the messages of such a channel no type. */
export const reportChannel = <Report>(name: string): ReportChannel<Report> =>
  channel(name) as unknown as ReportChannel<Report>;

/** An event as the messages of the diagnostics channels describe it. */
export interface ChannelEvent {
  readonly id: string;
  readonly source: string;
  /** The type in the message, such as `order.placed.v2`. */
  readonly type: string;
  readonly topic: string;
  /** The key of the Kafka message, which may be personal data. */
  readonly key: string;
  /** Size of the Kafka message's value; left out for a tombstone, which has none. */
  readonly bytes?: number;
  /** W3C Trace Context of the write. Link to it. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly correlationId?: string;
}

export const channelEventOf = ({ topic, key, value, headers }: Message): ChannelEvent => ({
  id: headers['ce_id'] ?? '',
  source: headers['ce_source'] ?? '',
  type: headers['ce_type'] ?? '',
  topic,
  key: key.toString(),
  bytes: value?.length,
  traceparent: headers['traceparent'],
  tracestate: headers['tracestate'],
  correlationId: headers['ce_correlationid'],
});

type Method = (...given: never[]) => unknown;
type AnyMethod = (...given: readonly unknown[]) => unknown;

/**
 * Methods that call those of `telemetry`, and then publish the report: `origin`, the name of the method as `report`, and
 * the fields that `fields` derives from the arguments. A method that the telemetry lacks only publishes.
 */
export function reportingMethods<Report extends object>(
  telemetry: object,
  fields: Readonly<Record<string, Method>>,
  channel: Pick<ReportChannel<Report>, 'hasSubscribers' | 'publish'>,
  origin: object,
): Readonly<Record<string, AnyMethod>> {
  const methodOf = (report: string, fieldsOf: Method): AnyMethod => {
    return (...given) => {
      const own = Reflect.get(telemetry, report) as AnyMethod | undefined;
      own?.apply(telemetry, [...given]);
      if (!channel.hasSubscribers) return;
      channel.publish({ ...origin, report, ...((fieldsOf as AnyMethod)(...given) as object) } as Report);
    };
  };
  return Object.fromEntries(Object.entries(fields).map(([report, fieldsOf]) => [report, methodOf(report, fieldsOf)]));
}
