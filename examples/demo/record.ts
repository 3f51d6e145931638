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

export const streamOf = (source: string, key: string): string => `${source} ${key}`;

const INDEX_DIGITS = 4;

export const sequenceOf = (position: string, index: number): string =>
  `${position}.${String(index).padStart(INDEX_DIGITS, '0')}`;
