import { positionKey } from '../event/position';
import type { Hold } from '../event/control';
import type { Image, ItemRef } from '../event/item';
import { isOpen, itemStateOf, type ItemStateName } from '../event/item-state';
import { isSignalKey, storedKeyOf } from '../event/signal';
import { newStreamProbe, PROBE_LIFE_MS, type SuspectedLoss } from './evaluate-key';
import type { StreamProbe } from './scan-progress';
import type { SweepStore } from './ports';
import type { FeedOptions } from './signal-feed';

const witnessOf = (suspected: SuspectedLoss): ItemRef =>
  suspected.kind === 'due' ? { pk: suspected.pk, sk: suspected.from, id: suspected.id } : storedKeyOf(suspected.signal);

/** Maximum number of waiting probes, which bounds the cost of a run in an outage. */
const PROBES = 16;
/** An eventually consistent scan is less stale than this, and a healthy relay publishes within this time. */
const SECOND_READ_MS = 5_000;
const PROBE_POLL_MS = 2_000;
/** Probes above this age prove nothing: the sweeper deletes a probe some time later. */
const PROOF_LIFE_MS = PROBE_LIFE_MS - 3_600_000;
/** An up-to-date relay deletes a probe well within this time. */
const PROBE_PATIENCE_MS = 30_000;

/** The suspected losses that are still open by a second, strongly consistent read. */
export async function stillOpen(
  store: SweepStore,
  suspected: readonly SuspectedLoss[],
): Promise<readonly SuspectedLoss[]> {
  const waiting = await stillWaiting(store, suspected.map(witnessOf));
  return suspected.filter((each) => {
    // The first item may be published meanwhile, but the state of the key's other items is unknown.
    if (each.kind === 'due' && each.items > 1) return true;
    const { pk, sk } = witnessOf(each);
    return waiting.has(positionKey(pk, sk));
  });
}

export const untilSecondRead = (store: SweepStore): Promise<void> => store.pause(SECOND_READ_MS);

/**
 * Searches for proof that the stream has lost a record.
 *
 * A probe travels through the shard of its key behind all records that were written before it. When the relay has
 * deleted the probe, every earlier record of the key is settled. An item that was seen before the probe was sent, and
 * is still pending behind no hold, was therefore never shown. The proof needs no clock.
 */
export class GapSearch {
  readonly #store: SweepStore;
  readonly #options: FeedOptions;
  readonly #patienceMs: number;
  readonly failures: unknown[] = [];
  #probes: readonly StreamProbe[] | undefined;
  #hasChanged = false;
  #isProven = false;
  #isFirst = false;

  /** @param patienceMs - a probe above this age may be lost itself, and another one is sent */
  constructor(store: SweepStore, options: FeedOptions, patienceMs: number) {
    this.#store = store;
    this.#options = options;
    this.#patienceMs = patienceMs;
  }

  get isProven(): boolean {
    return this.#isProven;
  }

  /** Whether this search sent the first probes, so that no other run waits for a result. */
  get isFirst(): boolean {
    return this.#isFirst;
  }

  /** @param suspected - confirmed by a second read, oldest first */
  async search(suspected: readonly SuspectedLoss[]): Promise<void> {
    const { now, goesOn } = this.#options;
    if (this.#isProven || suspected.length === 0) return;
    // Probes of the previous run come first: some may have returned since.
    this.#probes ??= await this.#store.readProbes();
    if (await this.#settle()) return;
    this.#isFirst = this.#probes.length === 0;
    // The record of a probe can be lost too. The probe stays in the table, because only the relay's delete is a proof.
    this.#probes = this.#probes.filter(({ sentAt }) => sentAt > now() - this.#patienceMs);
    const added = await this.#put(suspected);
    for (let waited = 0; added > 0 && waited < PROBE_PATIENCE_MS && goesOn(); waited += PROBE_POLL_MS) {
      await this.#store.pause(PROBE_POLL_MS);
      if ((await this.#settle()) || this.#probes.length === 0) return;
    }
  }

  async save(): Promise<void> {
    if (this.#hasChanged) await this.#store.writeProbes(this.#probes ?? []);
    this.#hasChanged = false;
  }

  async #put(suspected: readonly SuspectedLoss[]): Promise<number> {
    const { by, now } = this.#options;
    const probes = [...(this.#probes ?? [])];
    const probed = new Set(probes.map(({ pk }) => pk));
    let added = 0;
    for (const witness of suspected.map(witnessOf)) {
      if (probes.length >= PROBES) break;
      if (probed.has(witness.pk)) continue;
      probed.add(witness.pk);
      const sentAt = now();
      const why = 'to see whether the stream shows new records';
      const signal = newStreamProbe(witness.pk, sentAt, { by, at: now(), why });
      try {
        await this.#store.send(signal);
      } catch (error) {
        this.failures.push(error);
        continue;
      }
      probes.push({ ...witness, probe: signal.sk, sentAt });
      added++;
      this.#probes = [...probes];
      this.#hasChanged = true;
    }
    // Saved before the wait: if the run dies while it waits, the next one has the probes.
    if (added > 0) await this.save();
    return added;
  }

  async #settle(): Promise<boolean> {
    const probes = this.#probes ?? [];
    if (probes.length === 0) return this.#isProven;
    // Probes first: if an item is read after its probe is gone, its record was settled before the read.
    const left = new Set((await this.#store.read(probes.map(({ pk, probe }) => ({ pk, sk: probe })))).map(textOf));
    const youngest = this.#options.now() - PROOF_LIFE_MS;
    const back = probes.filter(({ pk, probe, sentAt }) => sentAt > youngest && !left.has(positionKey(pk, probe)));
    if (back.length > 0) {
      // Reads the holds before the items: an item that was shown and not published is held or parked by now.
      const { holds } = await this.#store.readControl();
      const waiting = await stillWaiting(this.#store, back);
      this.#isProven = back.some(
        (witness) =>
          waiting.get(positionKey(witness.pk, witness.sk)) === 'pending' && !isHeld(holds.get(witness.pk), witness.sk),
      );
    }
    const kept = probes.filter((probe) => !back.includes(probe) && probe.sentAt > youngest);
    if (kept.length !== probes.length) this.#hasChanged = true;
    this.#probes = kept;
    return this.#isProven;
  }
}

/** A hold does not affect signals. Unless a drain is running, items before the position of a hold are published. */
const isHeld = (hold: Hold | undefined, sk: string): boolean =>
  hold !== undefined && !isSignalKey(sk) && (hold.state === 'draining' || sk >= hold.position);

const textOf = (image: Image): string => positionKey(image['pk']?.S ?? '', image['sk']?.S ?? '');

/** States of items that are still open under the same id; existing signals are pending unless they are unprocessable. */
async function stillWaiting(
  store: SweepStore,
  witnesses: readonly ItemRef[],
): Promise<ReadonlyMap<string, ItemStateName>> {
  const ids = new Map(witnesses.map((witness) => [positionKey(witness.pk, witness.sk), witness.id]));
  const images = witnesses.length === 0 ? [] : await store.read(witnesses);
  const waiting = images.flatMap((image) => {
    const id = ids.get(textOf(image));
    const { state } = itemStateOf(image);
    const isSame = id === undefined || image['id']?.S === id;
    return isSame && isOpen(state) && image['setAside'] === undefined ? [[textOf(image), state] as const] : [];
  });
  return new Map(waiting);
}
