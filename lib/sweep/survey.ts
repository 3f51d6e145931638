import type { Control, Hold } from '../event/control';
import { isOpen, itemStateOf } from '../event/item-state';
import { isOwnPartition } from '../event/key';
import { Count, EMPTY_CENSUS, sumOf, type Census } from './census';
import { isOlderThan, KeyJudge, orphanOf, provesLoss, type Finding, type Times } from './judge';
import type { ScanStore } from './ports';

export interface SurveyOptions extends Times {
  readonly segments: number;
  /** The first segment to look at. */
  readonly from: number;
  /** At most this many findings are kept, the oldest. */
  readonly maxFindings: number;
  /** Asked before each page; when it says no, the rest of the table is not looked at. */
  readonly goesOn: () => boolean;
  readonly onPage?: (scanned: number) => void;
}

export interface Survey {
  /** Of the segments from `from` on and before `next`. */
  readonly census: Census;
  /** When the oldest open item in them that is behind no hold was committed. */
  readonly uncoveredSince?: number;
  /** The first segment that was not seen to its end; the number of segments when there is none. */
  readonly next: number;
  /** The oldest first, of every segment that was looked into. */
  readonly findings: readonly Finding[];
  /** Whether any of them, kept or not, proves that the stream has lost something. */
  readonly hasLoss: boolean;
  readonly readUnits: number;
  readonly failures: readonly unknown[];
}

const SEGMENTS_AT_ONCE = 4;

/** Looks at every item of the table once and says what needs doing, in memory that does not grow with the table. */
export async function survey(store: ScanStore, control: Control, options: SurveyOptions): Promise<Survey> {
  return new SurveyRun(store, control, options).all();
}

interface Part {
  readonly census: Census;
  readonly uncoveredSince: number;
}

class SurveyRun {
  readonly #store: ScanStore;
  readonly #control: Control;
  readonly #options: SurveyOptions;
  /** Segments that were seen to their end. */
  readonly #seen = new Map<number, Part>();
  readonly #seenHolds = new Set<string>();
  readonly #failures: unknown[] = [];
  #findings: Finding[] = [];
  #hasLoss = false;
  #readUnits = 0;
  #scanned = 0;

  constructor(store: ScanStore, control: Control, options: SurveyOptions) {
    this.#store = store;
    this.#control = control;
    this.#options = options;
  }

  async all(): Promise<Survey> {
    const { segments, from } = this.#options;
    let open = from;
    const worker = async (): Promise<void> => {
      while (open < segments && this.#options.goesOn()) await this.#segment(open++);
    };
    await Promise.all(Array.from({ length: SEGMENTS_AT_ONCE }, worker));
    const { next, part } = this.#seenInARow();
    if (next === segments) await this.#lookAtOtherHolds();
    this.#keepOldest();
    return {
      census: part.census,
      uncoveredSince: part.uncoveredSince === Infinity ? undefined : part.uncoveredSince,
      next,
      findings: this.#findings,
      hasLoss: this.#hasLoss,
      readUnits: this.#readUnits,
      failures: this.#failures,
    };
  }

  #seenInARow(): { readonly next: number; readonly part: Part } {
    let next = this.#options.from;
    let part: Part = { census: EMPTY_CENSUS, uncoveredSince: Infinity };
    for (let seen = this.#seen.get(next); seen !== undefined; seen = this.#seen.get(++next)) {
      part = {
        census: sumOf(part.census, seen.census),
        uncoveredSince: Math.min(part.uncoveredSince, seen.uncoveredSince),
      };
    }
    return { next, part };
  }

  /** A segment that cannot be read leaves the others as they are. */
  async #segment(index: number): Promise<void> {
    const count = new Count();
    let uncoveredSince = Infinity;
    let judge: KeyJudge | undefined;
    const close = (): void => {
      if (judge === undefined) return;
      uncoveredSince = Math.min(uncoveredSince, judge.uncoveredSince ?? Infinity);
      this.#close(judge);
    };
    try {
      for await (const { images, readUnits } of this.#store.segment(index, this.#options.segments)) {
        this.#readUnits += readUnits;
        for (const image of images) {
          const pk = image['pk']?.S ?? '';
          if (isOwnPartition(pk)) continue;
          if (judge?.pk !== pk) {
            close();
            judge = new KeyJudge(pk, this.#control.holds.get(pk), this.#options, count);
          }
          judge.take(image);
        }
        this.#options.onPage?.((this.#scanned += images.length));
        // The key that the page ended in was not seen to its end.
        if (!this.#options.goesOn()) return;
      }
      close();
      this.#seen.set(index, { census: count.census, uncoveredSince });
    } catch (error) {
      this.#failures.push(error);
    }
  }

  #close(judge: KeyJudge): void {
    if (this.#control.holds.has(judge.pk)) this.#seenHolds.add(judge.pk);
    this.#add(judge.findings());
  }

  #add(findings: readonly Finding[]): void {
    this.#hasLoss ||= findings.some(provesLoss);
    this.#findings.push(...findings);
    if (this.#findings.length >= 2 * this.#options.maxFindings) this.#keepOldest();
  }

  /** Holds whose keys were not met now: in an earlier run, or nowhere, because the key has no item left. */
  async #lookAtOtherHolds(): Promise<void> {
    for (const hold of this.#control.holds.values()) {
      if (this.#seenHolds.has(hold.pk) || !isOlderThan(hold, this.#options.before)) continue;
      try {
        if (!(await this.#isHeld(hold))) this.#add([orphanOf(hold)]);
      } catch (error) {
        this.#failures.push(error);
      }
    }
  }

  async #isHeld(hold: Hold): Promise<boolean> {
    if (hold.state !== 'holding') return false;
    const head = await this.#store.head(hold);
    return head !== undefined && isOpen(itemStateOf(head).state);
  }

  #keepOldest(): void {
    this.#findings = this.#findings.toSorted((a, b) => a.since - b.since).slice(0, this.#options.maxFindings);
  }
}
