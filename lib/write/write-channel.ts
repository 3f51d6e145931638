import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, channelEventOf, type ChannelEvent } from '../event/channels';
import { messagesOf } from '../event/message';
import type { PreparedChange } from './change';
import type { WriteOptions } from './input';
import type { OutboxSettings } from './settings';

/** One call of `transact` or `items` whose options were read. `asyncEnd` without `error`: it has succeeded. */
export interface WriteMessage {
  /** `items` makes no call: its caller commits the events. */
  readonly operation: 'transact' | 'items';
  readonly tableName: string;
  readonly service: string;
  readonly region: string;
  /**
   * The trace context that the events get. `active-span`: that of the span that is active after `start`. `option`: the
   * caller has passed a `traceContext`. `none`: the call has a `requestId`, and its retry must be the same request.
   */
  readonly traceContext: 'active-span' | 'option' | 'none';
  /** In the order of the changes; left out until the input is checked. */
  events?: readonly ChannelEvent[];
  /** Set by `transact`: an earlier attempt with this `requestId` had committed the transaction. */
  alreadyWritten?: boolean;
  /** Why the call failed; set before `error`. */
  readonly error?: unknown;
}

/** The calls of the write helper. */
export const writeChannel: TracingChannel<unknown, WriteMessage> = tracingChannel<unknown, WriteMessage>(
  CHANNELS.write,
);

/** Adds to the message of a traced write, as far as it is traced. */
export interface WriteTrace {
  prepared(changes: readonly PreparedChange[]): void;
  written(result: { readonly alreadyWritten: boolean }): void;
}

const UNTRACED: WriteTrace = { prepared: () => undefined, written: () => undefined };

/** Runs `work` and publishes it. Subscribers cannot change its result. */
export function traceWrite<T>(
  operation: WriteMessage['operation'],
  { tableName, service, region }: OutboxSettings,
  options: Pick<WriteOptions, 'traceContext' | 'requestId'>,
  work: (trace: WriteTrace) => Promise<T>,
): Promise<T> {
  if (!writeChannel.hasSubscribers) return work(UNTRACED);
  const message: WriteMessage = { operation, tableName, service, region, traceContext: sourceOf(options) };
  const trace: WriteTrace = {
    prepared(changes) {
      message.events = changes.flatMap(({ item }) => messagesOf(item).map(channelEventOf));
    },
    written({ alreadyWritten }) {
      message.alreadyWritten = alreadyWritten;
    },
  };
  return writeChannel.tracePromise(() => work(trace), message);
}

function sourceOf({ traceContext, requestId }: Pick<WriteOptions, 'traceContext' | 'requestId'>) {
  if (traceContext !== undefined) return 'option';
  return requestId === undefined ? 'active-span' : 'none';
}
