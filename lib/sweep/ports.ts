import type { Control, Hold } from '../event/control';
import type { Image } from '../event/item';
import type { Signal } from '../event/signal';
import type { Pass, Probe } from './pass';

/** The primary key of an item. */
export interface ScanKey {
  readonly pk: string;
  readonly sk: string;
}

/** A part of what a scan returns. Items of a key follow each other, in the order of their sort keys. */
export interface ScanPage {
  readonly images: readonly Image[];
  readonly readUnits: number;
  /** Where a scan of the same segment goes on after this page. */
  readonly next?: ScanKey;
}

export interface ScanStore {
  /** Strongly consistent. */
  readControl(): Promise<Control>;
  /**
   * One of `segments` parts of the table, from its beginning or after a key, page by page, as slowly as the store was
   * told to; eventually consistent.
   *
   * @throws InvalidScanKey when the segment cannot be scanned from `after` on.
   */
  segment(index: number, segments: number, after?: ScanKey): AsyncIterable<ScanPage>;
  /** The item that a hold names. Strongly consistent. */
  head(hold: Hold): Promise<Image | undefined>;
}

/** The table refuses the key at which a scan was to go on. */
export class InvalidScanKey extends Error {}

/** The table as the sweeper uses it. */
export interface SweepStore extends ScanStore {
  /** The stream that the table has now, if any, and its size as DynamoDB knew it some hours ago. */
  describe(): Promise<{ readonly streamArn?: string; readonly bytes: number }>;
  /** The pass that the run before has not ended. */
  readPass(): Promise<Pass | undefined>;
  /** `undefined`: there is nothing to go on with. */
  writePass(pass: Pass | undefined): Promise<void>;
  /** Probes whose outcome was not known when a run ended. */
  readProbes(): Promise<readonly Probe[]>;
  writeProbes(probes: readonly Probe[]): Promise<void>;
  /** Items and signals that exist, strongly consistent. */
  look(keys: readonly ScanKey[]): Promise<readonly Image[]>;
  pause(ms: number): Promise<void>;
  /** As the relay notes it: begins the doubt when another stream was known before. */
  noteStream(known: Control, streamArn: string): Promise<Pick<Control, 'streamArn' | 'doubtSince'>>;
  /** Puts a new signal; answers the key of its item. */
  send(signal: Signal): Promise<ScanKey>;
  /** Puts the successor in the place of a signal that was lost. `gone`: somebody has acted on it meanwhile. */
  replace(lost: Signal, successor: Signal): Promise<'replaced' | 'gone'>;
  remove(signals: readonly ScanKey[]): Promise<void>;
  setAside(signal: Pick<Signal, 'pk' | 'sk'>, why: string): Promise<void>;
  /** Sets the doubt, or moves it, unless somebody has changed the state since it was read. */
  beginDoubt(known: DoubtState, since: number): Promise<boolean>;
  /** Takes the doubt away, unless somebody has changed the state since it was read. */
  endDoubt(known: DoubtState): Promise<boolean>;
}

export type DoubtState = Pick<Control, 'streamArn' | 'doubtSince'>;
