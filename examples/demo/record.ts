import type { Shipment } from '../order-service/shipping';

/** An event of a transaction that DynamoDB has acknowledged, as its writer recorded it. */
export interface CommittedEvent {
  readonly id: string;
  readonly type: string;
  readonly topic: string;
  readonly key: string;
  /** The unit of order: source and key. */
  readonly stream: string;
  /** `<16-digit version>.<4-digit index>`: sorts as text. */
  readonly sequence: string;
  /** Epoch milliseconds, as every time here. */
  readonly committedAt: number;
}

/** A message that the consumer received, with the stream and sequence of its headers. */
export interface Delivery extends Pick<CommittedEvent, 'id' | 'topic' | 'stream' | 'sequence'> {
  readonly partition: number;
  readonly offset: bigint;
  readonly arrivedAt: number;
}

/** An outbox item: the events of one key in one transaction. */
export interface ItemState {
  readonly pk: string;
  readonly sk: string;
  /** Ids of its events. */
  readonly events: readonly string[];
  /** Set once Kafka has acknowledged the events. */
  readonly processedAt?: number;
  /** Epoch seconds. */
  readonly expiresAt?: number;
  readonly receipts: number;
}

/** A read of a write that was just made, from another service's read model. */
export interface OwnRead {
  readonly orderId: string;
  readonly version: number;
  /** Whether the read showed that version, or a later one. */
  readonly shown: boolean;
  /** The status of the order in the read model, or the reason why the read failed. */
  readonly status: string;
  /** From the commit to the result of the read. */
  readonly afterMs: number;
}

/** The final read model of shipping, and the duplicates that its consumer received. */
export interface ReadModelState {
  readonly shipments: readonly Pick<Shipment, 'orderId' | 'version' | 'changes'>[];
  /** Events that were delivered a second time on purpose. */
  readonly deliveredTwice: number;
  /** Deliveries of events that were applied before. */
  readonly ignored: number;
  readonly ownReads: readonly OwnRead[];
}

export const streamOf = (source: string, key: string): string => `${source} ${key}`;

export const sequenceOf = (position: string, index: number): string => `${position}.${String(index).padStart(4, '0')}`;

interface Request {
  readonly TransactItems?: readonly { readonly Put?: { readonly Item?: unknown } | undefined }[] | undefined;
}

interface WrittenItem extends Pick<CommittedEvent, 'committedAt'> {
  readonly pk: string;
  readonly sk: string;
  readonly source: string;
  readonly events: readonly { readonly id: string; readonly type: string; readonly topic?: string }[];
}

/**
 * The events in a transaction, read from the request itself, so that neither the table nor the result of the library
 * decides which events count as committed.
 */
export const eventsInRequest = ({ TransactItems: entries = [] }: Request): CommittedEvent[] =>
  entries.flatMap(({ Put: put }) => {
    // Rows of the business table have no events.
    const { pk = '', sk = '', source = '', committedAt = 0, events = [] } = (put?.Item ?? {}) as Partial<WrittenItem>;
    const key = pk.slice(pk.indexOf('#') + 1);
    return events.map(({ id, type, topic = events[0]?.topic ?? '' }, index) => ({
      ...{ id, type, topic, key, committedAt, stream: streamOf(source, key), sequence: sequenceOf(sk, index) },
    }));
  });
