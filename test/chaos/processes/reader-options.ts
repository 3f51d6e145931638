/** The process that reads topics. */
export interface ReaderOptions {
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  readonly group: string;
  /** File of {@link Arrival}s. */
  readonly log: string;
}

/** A message as the reader found it. */
export interface Arrival {
  readonly at: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly id: string;
  readonly isReplay?: boolean;
}

/** The reader's report of the last message that it logged. */
export type ReadUpTo = Pick<Arrival, 'topic' | 'partition' | 'offset'>;
