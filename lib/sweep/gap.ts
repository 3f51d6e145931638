import type { Hold } from '../event/control';
import type { Image } from '../event/item';
import { isOpen, itemStateOf, type ItemStateName } from '../event/item-state';
import { isSignalKey, storedKeyOf, type Request } from '../event/signal';
import type { Finding } from './judge';
import type { Probe } from './pass';
import type { ScanKey, SweepStore } from './ports';
import { newProbe, PROBE_LIFE_MS } from './probe-signal';

/** An item or a signal that should have been acted on, and may only be about to be. */
export type Suspicion = Extract<Finding, { readonly kind: 'due' | 'lost-signal' }>;

export const witnessOf = (suspicion: Suspicion): ScanKey & { readonly id?: string } =>
  suspicion.kind === 'due' ? { pk: suspicion.pk, sk: suspicion.from, id: suspicion.id } : storedKeyOf(suspicion.signal);

/** At most so many probes wait at a time: what an outage costs each run, and never more. */
const PROBES = 16;
/** An eventually consistent scan is behind by less, and a healthy relay publishes within it. */
const SECOND_LOOK_MS = 5_000;
const PROBE_POLL_MS = 2_000;
/** A probe that is older proves nothing: the sweeper deletes it some time later. */
const PROOF_LIFE_MS = PROBE_LIFE_MS - 3_600_000;
/** A relay that is up to date deletes a probe within seconds. */
const PROBE_PATIENCE_MS = 30_000;

/** Suspicions that are still open at a second, strongly consistent look. */
export async function lookAgain<S extends Suspicion>(
  store: SweepStore,
  suspicions: readonly S[],
): Promise<readonly S[]> {
  const waiting = await stillWaiting(store, suspicions.map(witnessOf));
  return suspicions.filter((suspicion) => {
    // The first item was published meanwhile; the others of the key are not known.
    if (suspicion.kind === 'due' && suspicion.items > 1) return true;
    return waiting.has(keyText(witnessOf(suspicion)));
  });
}

/** Waits until what was seen may be looked at again. */
export const untilSecondLook = (store: SweepStore): Promise<void> => store.pause(SECOND_LOOK_MS);

/**
 * Proves that the stream has lost something, or finds no proof.
 *
 * A probe travels through the shard of its key behind everything that was written before it. When the relay has deleted
 * it, every earlier record of the key is settled: an item that was seen before the probe was put, and is still pending
 * behind no hold, was never shown. No clock takes part in this.
 */
export class GapSearch {
  readonly #store: SweepStore;
  readonly #request: (why: string) => Request;
  readonly #now: () => number;
  readonly #patienceMs: number;
  readonly failures: unknown[] = [];
  #probes: readonly Probe[] | undefined;
  #hasChanged = false;
  #isProven = false;
  #isFirst = false;

  /** @param patienceMs - a probe that is older may be lost itself: another one is put */
  constructor(store: SweepStore, request: (why: string) => Request, now: () => number, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#store = store;
    this.#request = request;
    this.#now = now;
  }

  get isProven(): boolean {
    return this.#isProven;
  }

  /** Whether this search put the first probes: no other run is waiting for an answer. */
  get isFirst(): boolean {
    return this.#isFirst;
  }

  /** @param suspicions - confirmed by a second look, the oldest first */
  async search(suspicions: readonly Suspicion[], goesOn: () => boolean): Promise<void> {
    if (this.#isProven || suspicions.length === 0) return;
    // Those of the run before first: what it saw, and what came back since.
    this.#probes ??= await this.#store.readProbes();
    if (await this.#settle()) return;
    this.#isFirst = this.#probes.length === 0;
    // The record of a probe can be lost too. It stays in the table: nothing but the relay may delete what proves.
    this.#probes = this.#probes.filter(({ sentAt }) => sentAt > this.#now() - this.#patienceMs);
    const added = await this.#put(suspicions);
    for (let waited = 0; added > 0 && waited < PROBE_PATIENCE_MS && goesOn(); waited += PROBE_POLL_MS) {
      await this.#store.pause(PROBE_POLL_MS);
      if ((await this.#settle()) || this.#probes.length === 0) return;
    }
  }

  /** Keeps for the next run what has not come back. */
  async save(): Promise<void> {
    if (this.#hasChanged) await this.#store.writeProbes(this.#probes ?? []);
    this.#hasChanged = false;
  }

  async #put(suspicions: readonly Suspicion[]): Promise<number> {
    const probes = [...(this.#probes ?? [])];
    const probed = new Set(probes.map(({ pk }) => pk));
    let added = 0;
    for (const witness of suspicions.map(witnessOf)) {
      if (probes.length >= PROBES) break;
      if (probed.has(witness.pk)) continue;
      probed.add(witness.pk);
      const sentAt = this.#now();
      const signal = newProbe(witness.pk, sentAt, this.#request('to see whether the stream moves on'));
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
    // Before the wait: a run that dies in it leaves what the next one needs.
    if (added > 0) await this.save();
    return added;
  }

  async #settle(): Promise<boolean> {
    const probes = this.#probes ?? [];
    if (probes.length === 0) return this.#isProven;
    // The probes first: an item that is read after its probe was gone is read after its record was settled.
    const left = new Set((await this.#store.look(probes.map(({ pk, probe }) => ({ pk, sk: probe })))).map(textOf));
    const youngest = this.#now() - PROOF_LIFE_MS;
    const back = probes.filter(({ pk, probe, sentAt }) => sentAt > youngest && !left.has(keyText({ pk, sk: probe })));
    if (back.length > 0) {
      // The holds before the items: an item that was shown and not published is held by now, or parked.
      const { holds } = await this.#store.readControl();
      const waiting = await stillWaiting(this.#store, back);
      this.#isProven = back.some(
        (witness) => waiting.get(keyText(witness)) === 'pending' && !isHeld(holds.get(witness.pk), witness.sk),
      );
    }
    const kept = probes.filter((probe) => !back.includes(probe) && probe.sentAt > youngest);
    if (kept.length !== probes.length) this.#hasChanged = true;
    this.#probes = kept;
    return this.#isProven;
  }
}

/** No hold keeps a signal. Items before the position of a hold are published as if there were none, unless a drain is at work. */
const isHeld = (hold: Hold | undefined, sk: string): boolean =>
  hold !== undefined && !isSignalKey(sk) && (hold.state === 'draining' || sk >= hold.position);

const keyText = ({ pk, sk }: ScanKey): string => `${pk}\n${sk}`;
const textOf = (image: Image): string => keyText({ pk: image['pk']?.S ?? '', sk: image['sk']?.S ?? '' });

/** The state of those that are still open and the same; signals that are there and not set aside are pending. */
async function stillWaiting(
  store: SweepStore,
  witnesses: readonly (ScanKey & { readonly id?: string })[],
): Promise<ReadonlyMap<string, ItemStateName>> {
  const ids = new Map(witnesses.map((witness) => [keyText(witness), witness.id]));
  const images = witnesses.length === 0 ? [] : await store.look(witnesses);
  const waiting = images.flatMap((image) => {
    const id = ids.get(textOf(image));
    const { state } = itemStateOf(image);
    const isSame = id === undefined || image['id']?.S === id;
    return isSame && isOpen(state) && image['setAside'] === undefined ? [[textOf(image), state] as const] : [];
  });
  return new Map(waiting);
}
