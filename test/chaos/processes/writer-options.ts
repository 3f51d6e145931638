/** Of an AWS client. */
export interface ClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** How a writer's process writes. */
export interface WriterOptions {
  /** File of {@link WriterLine}s. */
  readonly log: string;
  /** For DynamoDB, or a proxy before it. */
  readonly clientConfig: ClientConfig;
  readonly tableName: string;
  readonly region: string;
  readonly seed: number;
  /** Its place among the writers: each key belongs to one of them, apart from shared keys. */
  readonly slot: number;
  readonly slots: number;
  /** Transactions at a time. */
  readonly loops: number;
  /** Mean pause of a loop between two transactions. */
  readonly pauseMs: number;
  /** How wrong its clock is. */
  readonly skewMs: number;
  readonly rates: WriterRates;
  /** At most so many further events of a change, for a topic that no consumer reads. */
  readonly audited: number;
}

/** The share of transactions or events that are special. */
export interface WriterRates {
  /** Transactions of a program that does not use the library. */
  readonly foreign: number;
  /** Of these: items that break the format. */
  readonly malformed: number;
  /** Events for a topic that does not exist. */
  readonly misaddressed: number;
  /** Events that are too large for one topic, and for another one while its limit is lowered. */
  readonly large: number;
  /** Events that the consumers cannot read until they are deployed again. */
  readonly unreadable: number;
}

/** The events of one key in a transaction. */
export interface WrittenCommit {
  readonly key: string;
  readonly position: string;
  readonly events: readonly { readonly id: string; readonly topic: string }[];
}

/**
 * A line of a writer's log. A transaction without `written` or `refused` after its `intent` has an unknown outcome: the
 * process was killed, or it gave up.
 */
export type WriterLine =
  | {
      readonly kind: 'intent';
      readonly requestId: string;
      readonly at: number;
      readonly commits: readonly WrittenCommit[];
    }
  | { readonly kind: 'written' | 'refused'; readonly requestId: string }
  | { readonly kind: 'conflict' | 'retried' | 'malformed' }
  | { readonly kind: 'failed'; readonly why: string };

/** The report of a writer's process to its parent. */
export interface WriterReport {
  /** Events that were committed since the last report. */
  readonly committed: number;
}
