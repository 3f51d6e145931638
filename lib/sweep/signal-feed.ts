import type { ItemKey } from '../event/item';
import { newSignal, storedKeyOf, type OperatorNote, type Signal } from '../event/signal';
import { forEachOf } from '../timing/for-each';
import type { Finding } from './evaluate-key';
import type { SweepStore } from './ports';

/** Maximum number of signals that wait for the relay: enough for the batches of several shards. */
const WINDOW = 2_000;
const SIGNALS_AT_ONCE = 16;
const KEYS_PER_READ = 100;
const POLL_MS = 500;
/** If the relay has acted on no signal for this long, the feed stops sending. */
const PATIENCE_MS = 60_000;

export interface FeedOptions {
  readonly by: string;
  readonly now: () => number;
  readonly goesOn: () => boolean;
}

/** Sends signals as fast as the relay acts on them: it deletes each afterwards, so the table shows the rate. */
export class SignalFeed {
  readonly #store: SweepStore;
  readonly #options: FeedOptions;
  readonly #waiting: ItemKey[] = [];
  readonly failures: unknown[] = [];
  sent = 0;
  replaced = 0;
  /** Whether the relay has stopped acting on signals. */
  #isBlocked = false;

  constructor(store: SweepStore, options: FeedOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Acts on the findings in order. `false`: time ran out. `true`: all done, or the relay acts on no signals. */
  async act(findings: readonly Finding[]): Promise<boolean> {
    for (let at = 0; at < findings.length && !this.#isBlocked; at += KEYS_PER_READ) {
      // The first ones are always sent, so that each run makes progress.
      if (at > 0 && !this.#options.goesOn()) return false;
      if (!(await this.#hasRoom())) return this.#isBlocked;
      await this.#send(findings.slice(at, at + KEYS_PER_READ));
    }
    return true;
  }

  /** Never rejects: a failure is recorded, and the feed continues with the other findings. */
  async #send(findings: readonly Finding[]): Promise<void> {
    await forEachOf(findings, SIGNALS_AT_ONCE, async (finding) => {
      try {
        await this.#actOn(finding);
      } catch (error) {
        this.failures.push(error);
      }
    });
  }

  async #hasRoom(): Promise<boolean> {
    let waited = 0;
    while (this.#waiting.length > WINDOW - KEYS_PER_READ) {
      const first = this.#waiting.slice(0, KEYS_PER_READ);
      const left = new Set((await this.#store.read(first)).map((image) => image['sk']?.S));
      const gone = first.filter(({ sk }) => !left.has(sk)).length;
      if (gone > 0) {
        this.#waiting.splice(0, first.length, ...first.filter(({ sk }) => left.has(sk)));
        waited = 0;
        if (gone === first.length) continue;
      }
      // One slow shard must not hide that others act: the next look-up begins with other signals.
      this.#waiting.push(...this.#waiting.splice(0, first.length - gone));
      if (waited >= PATIENCE_MS) {
        this.#isBlocked = true;
        return false;
      }
      if (!this.#options.goesOn()) return false;
      await this.#store.pause(POLL_MS);
      waited += POLL_MS;
    }
    return true;
  }

  async #actOn(finding: Finding): Promise<void> {
    const { by, now } = this.#options;
    switch (finding.kind) {
      case 'due':
      case 'orphan': {
        const request: OperatorNote = { by, at: now(), why: WHY[finding.kind] };
        const signal = newSignal(finding.pk, now(), { kind: 'drain' as const, from: finding.from, request });
        const stored = await this.#store.send(signal);
        this.sent++;
        this.#waiting.push(stored);
        return;
      }
      case 'lost-signal': {
        const { pk, sk: _, ...rest } = finding.signal;
        // Keeps the original request.
        const successor: Signal = newSignal(pk, now(), rest);
        if ((await this.#store.replace(finding.signal, successor)) === 'gone') return;
        this.replaced++;
        this.#waiting.push(storedKeyOf(successor));
        return;
      }
      case 'stale-probe':
        await this.#store.remove([finding]);
        return;
      case 'unreadable-signal':
        await this.#store.markUnprocessable(finding, finding.why);
    }
  }
}

const WHY = {
  due: 'pending for too long: the stream may have lost its record',
  orphan: 'held, and no drain is in progress',
} as const;
