import { ITEM_GONE, type Control, type Hold } from '../event/control';
import { isOpen, itemStateOf } from '../event/item-state';
import { isOwnPartition, SIGNALS_PARTITION } from '../event/key';
import { Count, type Census } from './census';
import {
  isHolding,
  isOlderThan,
  KeyJudge,
  orphanOf,
  partitionProbes,
  type Finding,
  type KeyState,
  type PartitionProbes,
  type Times,
} from './judge';
import type { Cut } from './pass';
import { InvalidScanKey, type ScanStore } from './ports';

export interface SurveyOptions extends Times {
  readonly segments: number;
  /** The first segment that was not begun. */
  readonly from: number;
  /** Segments before `from` that were not seen to their end; they come first. */
  readonly cuts?: readonly Cut[];
  /**
   * With so many findings the survey stops at the next page after which a scan can go on, so that the caller acts on them
   * before it reads more. Default: never.
   */
  readonly maxFindings?: number;
  /** Asked after each page; when it says yes, the survey stops in the same way. */
  readonly isEnough?: () => boolean;
  /** Asked before each page; when it says no, the rest of the table is not looked at. */
  readonly goesOn: () => boolean;
  readonly onPage?: (scanned: number) => void;
  /** Takes each finding instead of the result, whose memory grows with them. */
  readonly onFinding?: (finding: Finding) => void;
}

export interface Survey {
  /** Of the items that were read now. */
  readonly census: Census;
  /** When the oldest item was committed that is open, behind no hold and not due. */
  readonly uncoveredSince?: number;
  /** The first segment that was not begun; the number of segments when there is none. */
  readonly next: number;
  /** Segments that were begun and not seen to their end. */
  readonly cuts: readonly Cut[];
  /** The oldest first; those without a time last. */
  readonly findings: readonly Finding[];
  readonly readUnits: number;
  readonly failures: readonly unknown[];
}

const SEGMENTS_AT_ONCE = 4;

/** Looks at every item of the table once and says what needs doing, in memory that does not grow with the table. */
export async function survey(store: ScanStore, control: Control, options: SurveyOptions): Promise<Survey> {
  return new SurveyRun(store, control, options).all();
}

class SurveyRun {
  readonly #store: ScanStore;
  readonly #control: Control;
  readonly #options: SurveyOptions;
  readonly #probes: PartitionProbes;
  readonly #cuts: Cut[] = [];
  readonly #seenHolds = new Set<string>();
  readonly #failures: unknown[] = [];
  readonly #findings: Finding[] = [];
  readonly #count = new Count();
  #uncoveredSince = Infinity;
  #readUnits = 0;
  #scanned = 0;

  constructor(store: ScanStore, control: Control, options: SurveyOptions) {
    this.#store = store;
    this.#control = control;
    this.#options = options;
    this.#probes = partitionProbes(control.holds.values());
  }

  async all(): Promise<Survey> {
    const { segments, from, cuts = [] } = this.#options;
    let next = from;
    const begun = [...cuts];
    const read = async (take: () => Cut | undefined): Promise<void> => {
      while (this.#goesOn()) {
        const cut = take();
        if (cut === undefined) return;
        await this.#segment(cut);
      }
    };
    const readAll = (take: () => Cut | undefined) =>
      Promise.all(Array.from({ length: SEGMENTS_AT_ONCE }, () => read(take)));
    // Before others are begun, so that a large segment gets the whole rate in the end.
    await readAll(() => begun.shift());
    await readAll(() => (next < segments ? { segment: next++ } : undefined));
    this.#cuts.push(...begun);
    if (next === segments && this.#cuts.length === 0) await this.#lookAtOtherHolds();
    return {
      census: this.#count.census,
      uncoveredSince: this.#uncoveredSince === Infinity ? undefined : this.#uncoveredSince,
      next,
      cuts: this.#cuts,
      findings: this.#findings.toSorted((a, b) => (a.since ?? Infinity) - (b.since ?? Infinity)),
      readUnits: this.#readUnits,
      failures: this.#failures,
    };
  }

  #goesOn(): boolean {
    return this.#options.goesOn() && !this.#isEnough();
  }

  #isEnough(): boolean {
    const { maxFindings = Infinity, isEnough } = this.#options;
    return this.#findings.length >= maxFindings || isEnough?.() === true;
  }

  /** A segment that cannot be read leaves the others as they are; the next run goes on where this one failed. */
  async #segment({ segment, after, key }: Cut): Promise<void> {
    let judge = key === undefined ? undefined : this.#judge(key.pk, key);
    let reached = after;
    let isOver = false;
    const cut = (): void => void this.#cuts.push({ segment, after: reached, key: judge?.state });
    try {
      for await (const { images, readUnits, next } of this.#store.segment(segment, this.#options.segments, after)) {
        this.#readUnits += readUnits;
        if (isOver) {
          this.#cuts.push({ segment });
          return;
        }
        for (const image of images) {
          const pk = image['pk']?.S ?? '';
          if (isOwnPartition(pk) && pk !== SIGNALS_PARTITION) continue;
          if (judge?.pk !== pk) {
            if (judge !== undefined) await this.#close(judge);
            judge = this.#judge(pk);
          }
          judge.take(image);
        }
        reached = next;
        this.#options.onPage?.((this.#scanned += images.length));
        if (next !== undefined && !this.#goesOn()) {
          cut();
          return;
        }
        // The last page names no key to go on from; if the store has another page, the segment begins again.
        isOver = next === undefined && !this.#options.goesOn();
      }
      if (judge !== undefined) await this.#close(judge);
    } catch (error) {
      this.#failures.push(error);
      if (error instanceof InvalidScanKey) this.#cuts.push({ segment });
      else cut();
    }
  }

  #judge(pk: string, known?: KeyState): KeyJudge {
    return new KeyJudge(pk, this.#control.holds.get(pk), this.#options, this.#count, known);
  }

  async #close(judge: KeyJudge): Promise<void> {
    this.#uncoveredSince = Math.min(this.#uncoveredSince, judge.uncoveredSince ?? Infinity);
    const hold = this.#control.holds.get(judge.pk);
    if (hold !== undefined) this.#seenHolds.add(judge.pk);
    const { findings, headIsMissing } = judge.verdict(this.#probes);
    // The scan may be behind, or the head lies in the part that an earlier run saw.
    const isHeld = headIsMissing && hold !== undefined && (await this.#isHeld(hold));
    for (const finding of findings) if (!isHeld || finding.kind !== 'orphan') this.#found(finding);
  }

  /** Holds whose keys were not met now: in an earlier run, or nowhere, because the key has no item left. */
  async #lookAtOtherHolds(): Promise<void> {
    for (const hold of this.#control.holds.values()) {
      if (this.#seenHolds.has(hold.pk) || !isOlderThan(hold, this.#options.before)) continue;
      try {
        if (!(await this.#isHeld(hold))) this.#found(orphanOf(hold));
      } catch (error) {
        this.#failures.push(error);
      }
    }
  }

  #found(finding: Finding): void {
    const { onFinding } = this.#options;
    if (onFinding === undefined) this.#findings.push(finding);
    else onFinding(finding);
  }

  async #isHeld(hold: Hold): Promise<boolean> {
    if (hold.state !== 'holding') return false;
    const head = await this.#store.head(hold);
    // The relay has refused to release it: only an operator can, and a signal would change nothing.
    if (head === undefined && hold.reason === ITEM_GONE) return true;
    const headIsOpen = head !== undefined && isOpen(itemStateOf(head).state);
    return isHolding(hold, headIsOpen, this.#probes, this.#options.before);
  }
}
