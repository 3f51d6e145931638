/** An event of a transaction that DynamoDB has acknowledged, as its writer recorded it. */
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

/** A message that the consumer received. */
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

/** An outbox item: the events of one key in one transaction. */
export interface ItemState {
  readonly pk: string;
  readonly sk: string;
  /** Ids of its events. */
  readonly events: readonly string[];
  /** Epoch milliseconds; set once Kafka has acknowledged the events. */
  readonly processedAt?: number;
  /** Epoch seconds. */
  readonly expiresAt?: number;
  readonly receipts: number;
}

/** The part of a row of shipping's read model that the verdict uses. */
export interface ShipmentState {
  readonly orderId: string;
  /** The order's version at the last event that changed the row. */
  readonly version: number;
  /** How many events changed the row. */
  readonly changes: number;
}

/** A read of a write that was just made, from another service's read model. */
export interface OwnRead {
  readonly orderId: string;
  /** The version that was written. */
  readonly version: number;
  /** Whether the read showed it. */
  readonly shown: boolean;
  /** The status of the order in the read model, or the reason why the read failed. */
  readonly status: string;
  /** From the commit to the result of the read. */
  readonly afterMs: number;
}

/** The final read model, and the duplicates that its consumer received. */
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
