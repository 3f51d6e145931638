import { ITEM_GONE, type Control, type Hold } from '../event/control';
import { isOpen, itemStateOf } from '../event/item-state';
import { isOwnPartition, SIGNALS_PARTITION } from '../event/key';
import { TableCounter, type TableCounts } from './table-counts';
import {
  isHolding,
  isOlderThan,
  KeyEvaluation,
  orphanOf,
  partitionProbes,
  type Finding,
  type KeyState,
  type PartitionProbes,
  type Times,
} from './evaluate-key';
import type { UnfinishedSegment } from './scan-progress';
import { InvalidScanKey, type ScanStore } from './ports';

export interface ScanOptions extends Times {
  readonly segments: number;
  /** The first segment that was not begun. */
  readonly from: number;
  /** Segments before `from` that were not read to their end; they come first. */
  readonly cuts?: readonly UnfinishedSegment[];
  /**
   * Number of findings at which the scan stops, after the next page at which a scan can resume, so that the caller
   * acts on them before it reads more. Default: unlimited.
   */
  readonly maxFindings?: number;
  /** Called after each page; if it returns `true`, the scan stops in the same way. */
  readonly isEnough?: () => boolean;
  /** Called before each page; if it returns `false`, the rest of the table is not read. */
  readonly goesOn: () => boolean;
  readonly onPage?: (scanned: number) => void;
  /** Receives each finding. The result then contains none, so that its memory does not grow. */
  readonly onFinding?: (finding: Finding) => void;
}

export interface ScanResult {
  /** Counts of the items that this scan read. */
  readonly counts: TableCounts;
  /** Epoch milliseconds at which the oldest item was committed that is open, behind no hold and not due. */
  readonly uncoveredSince?: number;
  /** The first segment that was not begun; the number of segments if all were. */
  readonly next: number;
  /** Segments that were begun and not read to their end. */
  readonly cuts: readonly UnfinishedSegment[];
  /** Oldest first; findings without a time last. */
  readonly findings: readonly Finding[];
  readonly readUnits: number;
  readonly failures: readonly unknown[];
}

const SEGMENTS_AT_ONCE = 4;

/** Reads every item of the table once and returns what must be done, in memory that does not grow with the table. */
export async function scanTable(store: ScanStore, control: Control, options: ScanOptions): Promise<ScanResult> {
  return new TableScan(store, control, options).all();
}

class TableScan {
  readonly #store: ScanStore;
  readonly #control: Control;
  readonly #options: ScanOptions;
  readonly #probes: PartitionProbes;
  readonly #cuts: UnfinishedSegment[] = [];
  readonly #seenHolds = new Set<string>();
  readonly #failures: unknown[] = [];
  readonly #findings: Finding[] = [];
  readonly #counter = new TableCounter();
  #uncoveredSince = Infinity;
  #readUnits = 0;
  #scanned = 0;

  constructor(store: ScanStore, control: Control, options: ScanOptions) {
    this.#store = store;
    this.#control = control;
    this.#options = options;
    this.#probes = partitionProbes(control.holds.values());
  }

  async all(): Promise<ScanResult> {
    const { segments, from, cuts = [] } = this.#options;
    let next = from;
    const begun = [...cuts];
    const read = async (take: () => UnfinishedSegment | undefined): Promise<void> => {
      while (this.#goesOn()) {
        const cut = take();
        if (cut === undefined) return;
        await this.#segment(cut);
      }
    };
    const readAll = (take: () => UnfinishedSegment | undefined) =>
      Promise.all(Array.from({ length: SEGMENTS_AT_ONCE }, () => read(take)));
    // Begun segments come first, so that a large segment gets the whole read rate in the end.
    await readAll(() => begun.shift());
    await readAll(() => (next < segments ? { segment: next++ } : undefined));
    this.#cuts.push(...begun);
    if (next === segments && this.#cuts.length === 0) await this.#checkOtherHolds();
    return {
      counts: this.#counter.counts,
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

  /** If a segment cannot be read, the others are not affected; the next run resumes at the failure. */
  async #segment({ segment, after, key }: UnfinishedSegment): Promise<void> {
    let current = key === undefined ? undefined : this.#evaluate(key.pk, key);
    let reached = after;
    let isOver = false;
    const cut = (): void => void this.#cuts.push({ segment, after: reached, key: current?.state });
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
          if (current?.pk !== pk) {
            if (current !== undefined) await this.#close(current);
            current = this.#evaluate(pk);
          }
          current.add(image);
        }
        reached = next;
        this.#options.onPage?.((this.#scanned += images.length));
        if (next !== undefined && !this.#goesOn()) {
          cut();
          return;
        }
        // The last page has no key to resume from. If the store has another page, the segment starts again.
        isOver = next === undefined && !this.#options.goesOn();
      }
      if (current !== undefined) await this.#close(current);
    } catch (error) {
      this.#failures.push(error);
      if (error instanceof InvalidScanKey) this.#cuts.push({ segment });
      else cut();
    }
  }

  #evaluate(pk: string, known?: KeyState): KeyEvaluation {
    return new KeyEvaluation(pk, this.#control.holds.get(pk), this.#options, this.#counter, known);
  }

  async #close(key: KeyEvaluation): Promise<void> {
    this.#uncoveredSince = Math.min(this.#uncoveredSince, key.uncoveredSince ?? Infinity);
    const hold = this.#control.holds.get(key.pk);
    if (hold !== undefined) this.#seenHolds.add(key.pk);
    const { findings, headIsMissing } = key.result(this.#probes);
    // The scan may be stale, or an earlier run read the part with the head.
    const isHeld = headIsMissing && hold !== undefined && (await this.#isHeld(hold));
    for (const finding of findings) if (!isHeld || finding.kind !== 'orphan') this.#found(finding);
  }

  /** Checks holds whose keys this scan did not meet: an earlier run met them, or the key has no item left. */
  async #checkOtherHolds(): Promise<void> {
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
    // The relay has refused to release the key. Only an operator can, and a signal would change nothing.
    if (head === undefined && hold.reason === ITEM_GONE) return true;
    const headIsOpen = head !== undefined && isOpen(itemStateOf(head).state);
    return isHolding(hold, headIsOpen, this.#probes, this.#options.before);
  }
}
