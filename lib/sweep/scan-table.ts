import { ITEM_GONE, type Control, type Hold } from '../event/control';
import { isOpen, itemStateOf } from '../event/item-state';
import { isOwnPartition, SIGNALS_PARTITION } from '../event/key';
import {
  earlierOf,
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
import { InvalidScanKey, type ScanStore } from './ports';
import { isComplete, type ScanProgress, type UnfinishedSegment } from './scan-progress';
import { sumOf, TableCounter } from './table-counts';

export interface ScanOptions extends Times {
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
  readonly progress: ScanProgress;
  /** Oldest first; findings without a time last. */
  readonly findings: readonly Finding[];
  readonly readUnits: number;
  readonly failures: readonly unknown[];
}

const SEGMENTS_AT_ONCE = 4;

/** Reads the items that `begun` has not read, until the options end the scan. Memory does not grow with the table. */
export const scanTable = (
  store: ScanStore,
  control: Control,
  begun: ScanProgress,
  options: ScanOptions,
): Promise<ScanResult> => new TableScan(store, control, begun, options).all();

class TableScan {
  readonly #store: ScanStore;
  readonly #control: Control;
  readonly #begun: ScanProgress;
  readonly #options: ScanOptions;
  readonly #probes: PartitionProbes;
  readonly #unfinished: UnfinishedSegment[] = [];
  readonly #seenHolds = new Set<string>();
  readonly #failures: unknown[] = [];
  readonly #findings: Finding[] = [];
  readonly #counter = new TableCounter();
  #uncoveredSince: number | undefined;
  #readUnits = 0;
  #scanned = 0;

  constructor(store: ScanStore, control: Control, begun: ScanProgress, options: ScanOptions) {
    this.#store = store;
    this.#control = control;
    this.#begun = begun;
    this.#options = options;
    this.#uncoveredSince = begun.uncoveredSince;
    this.#probes = partitionProbes(control.holds.values());
  }

  async all(): Promise<ScanResult> {
    const { segments } = this.#begun;
    let { next } = this.#begun;
    const begun = [...this.#begun.unfinished];
    const read = async (take: () => UnfinishedSegment | undefined): Promise<void> => {
      while (this.#goesOn()) {
        const segment = take();
        if (segment === undefined) return;
        await this.#segment(segment);
      }
    };
    const readAll = (take: () => UnfinishedSegment | undefined) =>
      Promise.all(Array.from({ length: SEGMENTS_AT_ONCE }, () => read(take)));
    // Begun segments come first, so that a large segment gets the whole read rate in the end.
    await readAll(() => begun.shift());
    await readAll(() => (next < segments ? { segment: next++ } : undefined));
    this.#unfinished.push(...begun);
    const reached = { ...this.#begun, next, unfinished: this.#unfinished };
    if (isComplete(reached)) await this.#checkOtherHolds();
    const counts = sumOf(reached.counts, this.#counter.counts);
    return {
      progress: { ...reached, counts, uncoveredSince: this.#uncoveredSince },
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
    const stop = (): void => void this.#unfinished.push({ segment, after: reached, key: current?.state });
    try {
      for await (const { images, readUnits, next } of this.#store.segment(segment, this.#begun.segments, after)) {
        this.#readUnits += readUnits;
        if (isOver) {
          this.#unfinished.push({ segment });
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
          stop();
          return;
        }
        // The last page has no key to resume from. If the store has another page, the segment starts again.
        isOver = next === undefined && !this.#options.goesOn();
      }
      if (current !== undefined) await this.#close(current);
    } catch (error) {
      this.#failures.push(error);
      if (error instanceof InvalidScanKey) this.#unfinished.push({ segment });
      else stop();
    }
  }

  #evaluate(pk: string, known?: KeyState): KeyEvaluation {
    return new KeyEvaluation(pk, this.#control.holds.get(pk), this.#options, this.#counter, known);
  }

  async #close(key: KeyEvaluation): Promise<void> {
    const { headIsOpen, uncoveredSince } = key.state;
    this.#uncoveredSince = earlierOf(this.#uncoveredSince, uncoveredSince);
    const hold = this.#control.holds.get(key.pk);
    if (hold !== undefined) this.#seenHolds.add(key.pk);
    for (const finding of key.findings(this.#probes)) {
      // The scan may be stale, or an earlier run read the part with the head.
      const mayBeHeld = finding.kind === 'orphan' && hold !== undefined && !headIsOpen;
      if (!mayBeHeld || !(await this.#isHeld(hold))) this.#found(finding);
    }
  }

  /** Checks holds whose keys this scan did not meet: an earlier run met them, or the key has no item left. */
  async #checkOtherHolds(): Promise<void> {
    for (const hold of this.#control.holds.values()) {
      if (this.#seenHolds.has(hold.pk) || !isOlderThan(hold, this.#options.overdueBefore)) continue;
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
    return isHolding(hold, headIsOpen, this.#probes, this.#options.overdueBefore);
  }
}
