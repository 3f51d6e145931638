import type { Commit } from '../../test/chaos/history';
import type { LoadEvent } from './load';
import type { PidsOf } from './usage';
import type { WriterTarget } from './writer';

/** The measured processes: the relay, and the store from which it reads, which is a service in production. */
export type UsageGroup = 'relay' | 'store';

/** An outbox that the benchmarks measure. */
export interface Subject {
  readonly name: string;
  /** The measured programs with their versions. */
  readonly versions: string;
  /** The header in which its messages carry the id of the event. */
  readonly idHeader: string;
  /** Share of the backlog that it drains in reasonable time. Default 1. */
  readonly backlogShare?: number;
  /** Whether only its drains can be measured. */
  readonly isDrainOnly?: boolean;
  /** Prepares an empty outbox whose relay does not run yet. */
  open(brokers: readonly string[], topics: readonly string[]): Promise<OpenSubject>;
  /** Ends the store. */
  close(): Promise<void>;
}

/** An outbox for one measurement. */
export interface OpenSubject {
  /** Commits a backlog, each event in a transaction or write of its own, in order. */
  commit(events: readonly LoadEvent[]): Promise<readonly Commit[]>;
  /** The place to which a load writer commits. */
  readonly target: WriterTarget;
  readonly pidsOf: PidsOf<UsageGroup>;
  /** Starts the relay; from then on it runs until `stop()`, and a relay that ends is started again at once. */
  start(): Promise<void>;
  /** SIGKILL of the relay's process. Resolves when it has ended. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Ends the relay and removes the outbox. */
  close(): Promise<void>;
}
