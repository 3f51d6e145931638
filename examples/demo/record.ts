/** An event of a transaction that was acknowledged to its writer, as the writer noted it down. */
export interface CommittedEvent {
  readonly id: string;
  readonly type: string;
  readonly topic: string;
  /** The unit of order: source and key. */
  readonly stream: string;
  readonly key: string;
  /** `<16-digit version>.<4-digit index>`: sorts as text. */
  readonly sequence: string;
  /** Epoch milliseconds. */
  readonly committedAt: number;
}

/** A message that the consumer got. */
export interface Delivery {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The unit of order: source and key. */
  readonly stream: string;
  /** `ce_sequence`. */
  readonly sequence: string;
  /** Epoch milliseconds. */
  readonly arrivedAt: number;
}

/** What the outbox table says about one transaction's events of one key. */
export interface ItemState {
  readonly pk: string;
  readonly sk: string;
  /** Ids of its events. */
  readonly events: readonly string[];
  /** Epoch milliseconds; there once the events are acknowledged by Kafka. */
  readonly processedAt?: number;
  /** Epoch seconds. */
  readonly expiresAt?: number;
  readonly receipts: number;
}

/** A row of shipping's read model, as far as it is judged. */
export interface ShipmentState {
  readonly orderId: string;
  /** The order's, at the last event that changed the row. */
  readonly version: number;
  /** How many events changed the row. */
  readonly changes: number;
}

/** A read of what was just written, from the read model of another service. */
export interface OwnRead {
  readonly orderId: string;
  /** The version that was written. */
  readonly version: number;
  /** Whether the read showed it. */
  readonly shown: boolean;
  /** What the read model says of the order, or why it could not be read. */
  readonly status: string;
  /** From the commit to the answer. */
  readonly afterMs: number;
}

/** What the read model shows in the end, and what it had to stand. */
export interface ReadModelState {
  readonly shipments: readonly ShipmentState[];
  /** Events that were delivered a second time on purpose. */
  readonly deliveredTwice: number;
  /** Deliveries that its consumer ignored, because their events were applied before. */
  readonly ignored: number;
  readonly ownReads: readonly OwnRead[];
}

export const streamOf = (source: string, key: string): string => `${source} ${key}`;

const INDEX_DIGITS = 4;

export const sequenceOf = (position: string, index: number): string =>
  `${position}.${String(index).padStart(INDEX_DIGITS, '0')}`;
