import type { Control, GapState, Hold } from '../event/control';
import type { Image, ItemKey } from '../event/item';
import type { Signal } from '../event/signal';
import type { PassHistory, ScanProgress, StreamProbe } from './scan-progress';

/** A page of a scan. Items of a key follow each other, in the order of their sort keys. */
export interface ScanPage {
  readonly images: readonly Image[];
  readonly readUnits: number;
  /** The key at which a scan of the same segment resumes after this page; left out for the last page. */
  readonly next?: ItemKey;
}

export interface ScanStore {
  /** Strongly consistent. */
  readControl(): Promise<Control>;
  /**
   * Reads one of `segments` parts of the table, from its beginning or after a key, page by page, at the configured
   * rate; eventually consistent.
   *
   * @throws InvalidScanKey if the segment cannot be scanned from `after` on.
   */
  segment(index: number, segments: number, after?: ItemKey): AsyncIterable<ScanPage>;
  /** The item that a hold names. Strongly consistent. */
  head(hold: Hold): Promise<Image | undefined>;
}

/** The table refuses the key at which a scan should resume. */
export class InvalidScanKey extends Error {}

/** The table from the sweeper's point of view. */
export interface SweepStore extends ScanStore {
  /** The current stream of the table, if any, and its size as DynamoDB knew it some hours ago. */
  describe(): Promise<{ readonly streamArn?: string; readonly bytes: number }>;
  /** The unfinished scan of the previous run. */
  readProgress(): Promise<ScanProgress | undefined>;
  /** `undefined` if there is nothing to resume. */
  writeProgress(progress: ScanProgress | undefined): Promise<void>;
  /** The notes of earlier runs about complete passes. */
  readPasses(): Promise<PassHistory | undefined>;
  writePasses(history: PassHistory): Promise<void>;
  /** Probes whose outcome was unknown when a run ended. */
  readProbes(): Promise<readonly StreamProbe[]>;
  writeProbes(probes: readonly StreamProbe[]): Promise<void>;
  /** The items and signals that exist at these keys; strongly consistent. */
  read(keys: readonly ItemKey[]): Promise<readonly Image[]>;
  pause(ms: number): Promise<void>;
  /** As for the relay: sets the gap suspicion if another stream was known before. */
  noteStream(known: Control, streamArn: string): Promise<GapState>;
  /** Puts a new signal and returns the key of its item. */
  send(signal: Signal): Promise<ItemKey>;
  /** Replaces a lost signal by its successor. `gone`: the relay has acted on the signal meanwhile. */
  replace(lost: Signal, successor: Signal): Promise<'replaced' | 'gone'>;
  remove(signals: readonly ItemKey[]): Promise<void>;
  markUnprocessable(signal: Pick<Signal, 'pk' | 'sk'>, why: string): Promise<void>;
  /** Sets the gap suspicion or moves its time. Returns `false` if the state has changed since it was read. */
  suspectGap(known: GapState, since: number): Promise<boolean>;
  /** Ends the gap suspicion. Returns `false` if the state has changed since it was read. */
  clearGapSuspicion(known: GapState): Promise<boolean>;
}
