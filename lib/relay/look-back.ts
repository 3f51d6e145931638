import type { Delivery } from './delivery';
import type { Entry } from './entry';
import { forEachKey, type KeyWork, type SignalEntry } from './key-work';
import type { RelayOptions } from './options';
import type { RelayPorts } from './ports';
import { ageSinceCommitMs, awaitedPredecessors } from './predecessors';
import type { StreamRecord } from './record';
import { ageMs } from './suspects';

export interface SortedBatch {
  /** May be published as the records show them. */
  readonly plain: readonly Entry[];
  /** Keys whose items must be read in the table, in the order of the batch. */
  readonly works: readonly KeyWork[];
}

/**
 * Decides which keys of a batch may be published as the records show them, and which must be drained: those that a
 * signal names, those whose drain is unfinished, and those with something open that the stream has not shown.
 */
export class LookBack {
  readonly #records: readonly StreamRecord[];
  readonly #delivery: Delivery;
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;

  constructor(records: readonly StreamRecord[], delivery: Delivery, ports: RelayPorts, options: RelayOptions) {
    this.#records = records;
    this.#delivery = delivery;
    this.#ports = ports;
    this.#options = options;
  }

  async sort(entries: readonly Entry[], signals: readonly SignalEntry[]): Promise<SortedBatch> {
    const { holds } = this.#delivery.control;
    const signalled = Map.groupBy(signals, ({ signal }) => signal.pk);
    const needsDrain = ({ pk }: Entry): boolean => signalled.has(pk) || holds.get(pk)?.state === 'draining';
    const drained = Map.groupBy(entries.filter(needsDrain), ({ pk }) => pk);
    const candidates = this.#delivery.admitted(entries.filter((entry) => !needsDrain(entry)));
    const behind = await this.#openBehind(candidates);

    const works = [...new Set([...signalled.keys(), ...drained.keys(), ...behind.keys()])].map((pk): KeyWork => {
      const ofKey = { entries: drained.get(pk) ?? behind.get(pk) ?? [], signals: signalled.get(pk) ?? [] };
      const index = Math.min(...[...ofKey.entries, ...ofKey.signals].map((one) => one.index));
      return { pk, index, ...ofKey };
    });
    return {
      plain: candidates.filter(({ pk, state }) => state === 'open' && !behind.has(pk)),
      works: works.toSorted((a, b) => a.index - b.index),
    };
  }

  /** Keys with something open before their first record; and what waits for its predecessor is failed. */
  async #openBehind(candidates: readonly Entry[]): Promise<ReadonlyMap<string, readonly Entry[]>> {
    const behind = new Map<string, readonly Entry[]>();
    const keys = [...Map.groupBy(candidates, ({ pk }) => pk)];
    try {
      const doubtful = keys.filter(([, entries]) => this.#isDoubtful(entries));
      if (doubtful.length > 0) this.#ports.telemetry.lookedBack(this.#inDoubt ? 'doubt' : 'late', doubtful.length);
      await forEachKey(doubtful, async ([pk, entries]) => {
        if (await this.#hasOpenBefore(entries)) behind.set(pk, entries);
      });
      if (this.#options.order === 'strict') {
        await this.#awaitPredecessors(
          keys.filter(([pk]) => !behind.has(pk)),
          behind,
        );
      }
    } catch (cause) {
      this.#delivery.stop({ message: 'The items before a record could not be looked up.', cause });
    }
    return behind;
  }

  get #inDoubt(): boolean {
    return this.#delivery.control.doubtSince !== undefined;
  }

  #isDoubtful([first]: readonly Entry[]): boolean {
    if (first === undefined) return false;
    return (
      this.#inDoubt || (ageMs(this.#records[first.index], this.#ports.clock.now()) ?? 0) > this.#options.lateAfterMs
    );
  }

  /** The stream knows better than the clock of a writer, which may be ahead or behind. */
  #ageOfMs(entry: Entry, now: number): number {
    return ageMs(this.#records[entry.index], now) ?? ageSinceCommitMs(entry, now);
  }

  /** Settles leading entries that the table says are processed; what they were is acknowledged. */
  async #hasOpenBefore(entries: readonly Entry[]): Promise<boolean> {
    for (const entry of entries) {
      const earliest = await this.#ports.keys.earliestOpen(entry.pk, entry.sk);
      if (earliest !== undefined) return earliest < entry.sk;
      entry.state = 'settled';
      if (entry.content.kind === 'item') this.#ports.telemetry.duplicateSkipped(entry.content.item);
    }
    return false;
  }

  async #awaitPredecessors(
    keys: readonly (readonly [string, readonly Entry[]])[],
    behind: Map<string, readonly Entry[]>,
  ): Promise<void> {
    const { clock, keys: reader, telemetry } = this.#ports;
    const asked = keys.flatMap(([, entries]) => entries.filter(({ state }) => state === 'open'));
    const awaited = await awaitedPredecessors(asked, new Set(), reader, (entry) => this.#ageOfMs(entry, clock.now()));
    for (const [pk, entries] of keys) {
      const at = entries.findIndex((entry) => awaited.has(entry));
      const waiting = at === -1 ? undefined : entries[at];
      if (waiting === undefined) continue;
      if (awaited.get(waiting) === 'open') behind.set(pk, entries);
      else {
        telemetry.predecessorMissing(waiting);
        for (const entry of entries.slice(at)) entry.state = 'failed';
      }
    }
  }
}
