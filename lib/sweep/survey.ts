import type { Control } from '../event/control';
import type { Image } from '../event/item';
import { CONTROL_PARTITION } from '../event/key';
import { Count, type Census } from './census';
import { isOlderThan, KeyJudge, writtenAt, type Finding } from './judge';
import type { ScanStore } from './ports';

export interface SurveyOptions {
  /** Epoch milliseconds: what is older should have been done. */
  readonly before: number;
  readonly segments: number;
  /** Segment to begin with, so that runs which get through a part of the table begin with another part each time. */
  readonly firstSegment: number;
  /** At most this many findings are kept, the oldest. */
  readonly maxFindings: number;
  /** Asked before each page; when it says no, the rest of the table is not looked at. */
  readonly goesOn: () => boolean;
  readonly onPage?: (scanned: number) => void;
}

export interface Survey {
  readonly census: Census;
  /** The oldest first. */
  readonly findings: readonly Finding[];
  /** When the oldest open item that is behind no hold was committed. */
  readonly uncoveredSince?: number;
  readonly readUnits: number;
  /** Every item of the table was seen. */
  readonly complete: boolean;
  readonly failures: readonly unknown[];
}

const SEGMENTS_AT_ONCE = 4;

/** Looks at every item of the table once and says what needs doing, in memory that does not grow with the table. */
export async function survey(store: ScanStore, control: Control, options: SurveyOptions): Promise<Survey> {
  const run = new SurveyRun(store, control, options);
  return run.all();
}

class SurveyRun {
  readonly #store: ScanStore;
  readonly #control: Control;
  readonly #options: SurveyOptions;
  readonly #count = new Count();
  readonly #seenHolds = new Set<string>();
  readonly #failures: unknown[] = [];
  #findings: Finding[] = [];
  #uncoveredSince: number | undefined;
  #readUnits = 0;
  #scanned = 0;
  #complete = true;

  constructor(store: ScanStore, control: Control, options: SurveyOptions) {
    this.#store = store;
    this.#control = control;
    this.#options = options;
  }

  async all(): Promise<Survey> {
    const { segments, firstSegment } = this.#options;
    const waiting = Array.from({ length: segments }, (_, index) => (firstSegment + index) % segments);
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await this.#segment(next);
    };
    await Promise.all(Array.from({ length: Math.min(SEGMENTS_AT_ONCE, segments) }, worker));
    if (this.#complete) this.#addEmptyKeys();
    this.#keepOldest();
    return {
      census: this.#count.census,
      findings: this.#findings,
      uncoveredSince: this.#uncoveredSince,
      readUnits: this.#readUnits,
      complete: this.#complete,
      failures: this.#failures,
    };
  }

  /** A segment that cannot be read leaves the others as they are. */
  async #segment(index: number): Promise<void> {
    let judge: KeyJudge | undefined;
    try {
      if (!this.#goesOn()) return;
      for await (const { images, readUnits } of this.#store.segment(index, this.#options.segments)) {
        this.#readUnits += readUnits;
        for (const image of images) judge = this.#take(image, judge);
        this.#options.onPage?.((this.#scanned += images.length));
        // The key that the page ended in was not seen to its end.
        if (!this.#goesOn()) return;
      }
      this.#close(judge);
    } catch (error) {
      this.#complete = false;
      this.#failures.push(error);
    }
  }

  #goesOn(): boolean {
    const goesOn = this.#options.goesOn();
    if (!goesOn) this.#complete = false;
    return goesOn;
  }

  #take(image: Image, judge: KeyJudge | undefined): KeyJudge | undefined {
    const pk = image['pk']?.S ?? '';
    if (pk === CONTROL_PARTITION) return judge;
    let current = judge;
    if (current?.pk !== pk) {
      this.#close(current);
      current = new KeyJudge(pk, this.#control.holds.get(pk), this.#options.before, this.#count);
    }
    current.take(image);
    return current;
  }

  #close(judge: KeyJudge | undefined): void {
    if (judge === undefined) return;
    if (this.#control.holds.has(judge.pk)) this.#seenHolds.add(judge.pk);
    if (judge.uncoveredSince !== undefined) {
      this.#uncoveredSince = Math.min(this.#uncoveredSince ?? Infinity, judge.uncoveredSince);
    }
    this.#findings.push(...judge.findings());
    if (this.#findings.length >= 2 * this.#options.maxFindings) this.#keepOldest();
  }

  /** Holds of keys that have no item left. */
  #addEmptyKeys(): void {
    for (const hold of this.#control.holds.values()) {
      if (this.#seenHolds.has(hold.pk) || !isOlderThan(hold, this.#options.before)) continue;
      this.#findings.push({ kind: 'orphan', pk: hold.pk, from: hold.position, since: writtenAt(hold) });
    }
  }

  #keepOldest(): void {
    this.#findings = this.#findings.toSorted((a, b) => a.since - b.since).slice(0, this.#options.maxFindings);
  }
}
