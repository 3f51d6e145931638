import { isConsistencyToken, type ConsistencyToken } from '../event/consistency-token';
import { OutboxError } from '../event/errors';
import { refuseOption, withoutUndefined } from '../event/options';
import { parseSequence } from '../event/position';
import { decide, isUnapplied, mayBeInOldRow, sequencedOf, type InboxRow, type SequencedEvent } from './inbox';
import type { ConsumerClock, InboxStore } from './ports';
import { aggregateIn, sourceKeyOf, type InboxKey } from './inbox-keys';
import { backoffMs } from '../timing/backoff';
import { wait } from '../timing/wait';

/** The progress of a consumer on one topic, measured against a token. */
export interface ConsumerLag {
  readonly topic: string;
  readonly isApplied: boolean;
  /** The newest applied sequence of the key; left out if there is none, and for keys without versions. */
  readonly appliedSequence?: string;
  /** Versions from the newest applied event to the token's; 0 if it is applied. Left out if one of them is unknown. */
  readonly versionsBehind?: number;
  /** Epoch milliseconds of the last effect of the key. */
  readonly appliedAt?: number;
  /**
   * The token's event is older than the newest 16 events of its key. The inbox remembers only those, so `isApplied` is
   * `false`.
   */
  readonly isBelowWindow?: true;
  /** Events of the key are parked: no later event is applied before a redrive. */
  readonly isParked: boolean;
}

export class AppliedReader {
  readonly #inbox: InboxStore;
  readonly #clock: ConsumerClock;
  readonly #consumer: string;

  constructor(inbox: InboxStore, clock: ConsumerClock, consumer: string) {
    this.#inbox = inbox;
    this.#clock = clock;
    this.#consumer = consumer;
  }

  async isApplied(token: ConsistencyToken, topics?: readonly string[]): Promise<boolean> {
    return (await this.#statusOf(token, topics)).every(({ isApplied }) => isApplied);
  }

  async waitUntilApplied(
    token: ConsistencyToken,
    { timeoutMs, topics, signal }: { timeoutMs: number; topics?: readonly string[]; signal?: AbortSignal },
  ): Promise<void> {
    if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
      refuseOption('timeoutMs', timeoutMs, 'a number of milliseconds, at least 0');
    }
    const end = this.#clock.now() + timeoutMs;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const known = await this.#statusOf(token, topics);
      if (known.every(({ isApplied }) => isApplied)) return;
      if (known.some(({ isBelowWindow }) => isBelowWindow)) throw this.#noLongerKnown(token, topics);
      const restMs = end - this.#clock.now();
      if (restMs <= 0) throw this.#tooLate(token, timeoutMs, topics);
      await wait(Math.min(restMs, backoffMs(POLL, attempt)), signal ?? NEVER);
    }
  }

  async lag(token: ConsistencyToken, topics?: readonly string[]): Promise<ConsumerLag[]> {
    return Promise.all(
      this.#targets(token, topics).map(async (target): Promise<ConsumerLag> => {
        const { isApplied, isBelowWindow, row = await this.#inbox.read(target) } = await this.#isApplied(target);
        const top = row.state.window.at(-1)?.sequence;
        return withoutUndefined({
          topic: target.topic,
          isApplied,
          appliedSequence: top,
          versionsBehind: versionsBehind(target.sequence, top, isApplied),
          appliedAt: row.appliedAt,
          isBelowWindow: isBelowWindow || undefined,
          isParked: row.state.parked,
        });
      }),
    );
  }

  #statusOf(token: ConsistencyToken, topics: readonly string[] | undefined): Promise<Known[]> {
    return Promise.all(this.#targets(token, topics).map((target) => this.#isApplied(target)));
  }

  async #isApplied(target: Target): Promise<Known> {
    const sequenced = sequencedOf(target);
    if (sequenced === undefined) {
      return { isApplied: await this.#inbox.isMarked(target, target.id), isBelowWindow: false };
    }
    const row = await this.#inbox.read(target);
    const decision = decide(row.state, sequenced);
    // An older event is not always applied: the versions of a key can restart, and two writers can share an identity.
    const isBelowWindow = decision.kind === 'duplicate' && decision.below;
    if (decision.kind === 'duplicate' && !isBelowWindow) return { isApplied: true, isBelowWindow, row };
    // The event was discarded or dead-lettered. Its marker only keeps a repeated delivery from being applied.
    if (isUnapplied(row.state, sequenced)) return { isApplied: false, isBelowWindow: false, row };
    const isApplied =
      (decision.kind !== 'new' || mayBeInOldRow(target, row.state)) &&
      (await this.#isKnownElsewhere(target, sequenced));
    return { isApplied, isBelowWindow: isBelowWindow && !isApplied, row };
  }

  /** Whether a marker records the event, as after a lost identity, or a row that was written without an aggregate. */
  async #isKnownElsewhere(target: Target, sequenced: SequencedEvent): Promise<boolean> {
    if (await this.#inbox.isMarked(target, target.id)) return true;
    if (target.aggregate === undefined) return false;
    const { state } = await this.#inbox.read(sourceKeyOf(target));
    return state.window.some(({ sequence, id }) => sequence === sequenced.sequence && id === sequenced.id);
  }

  #targets(token: ConsistencyToken, topics: readonly string[] | undefined): Target[] {
    const given: unknown = token;
    if (!isConsistencyToken(given)) {
      return refuseOption('token', given, 'a consistency token, as transact() and items() return it');
    }
    const names: unknown = topics;
    if (names !== undefined && !isListOfTexts(names)) refuseOption('topics', names, 'an array of topic names');
    const { source, key, aggregate } = token;
    const targets = Object.entries(token.topics).flatMap(([topic, last]) =>
      topics === undefined || topics.includes(topic)
        ? [{ source, key, topic, ...aggregateIn(source, aggregate), ...last }]
        : [],
    );
    if (targets.length > 0) return targets;
    return refuseOption(
      'topics',
      topics,
      `one of those that the token names: ${Object.keys(token.topics).join(', ')}; no other can show the write`,
    );
  }

  #noLongerKnown(token: ConsistencyToken, topics: readonly string[] | undefined): OutboxError {
    const asked = topics ?? Object.keys(token.topics);
    return new OutboxError(
      'no-longer-known',
      `Consumer "${this.#consumer}" has applied more than 16 later events of key "${token.key}" of aggregate "${token.aggregate}" on ${asked.join(', ')}, and no longer knows whether it has applied position ${token.position}. Check right after the write.`,
      { consumer: this.#consumer, topics: asked },
    );
  }

  #tooLate(token: ConsistencyToken, timeoutMs: number, topics: readonly string[] | undefined): OutboxError {
    const waited = topics ?? Object.keys(token.topics);
    return new OutboxError(
      'not-applied-in-time',
      `Consumer "${this.#consumer}" has not applied position ${token.position} of key "${token.key}" of aggregate "${token.aggregate}" on ${waited.join(', ')} within ${timeoutMs} ms. Wait longer, or respond with the current state and mark it as such.`,
      { consumer: this.#consumer, topics: waited, timeoutMs },
    );
  }
}

interface Known {
  readonly isApplied: boolean;
  readonly isBelowWindow: boolean;
  readonly row?: InboxRow;
}

interface Target extends InboxKey {
  readonly id: string;
  readonly sequence?: string;
}

const isListOfTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

const POLL = { initialDelayMs: 20, maxDelayMs: 500 };
const NEVER = new AbortController().signal;

/** Without an applied event, the first version of the key is unknown. */
function versionsBehind(sequence: string | undefined, top: string | undefined, isApplied: boolean): number | undefined {
  if (sequence === undefined) return undefined;
  if (isApplied) return 0;
  if (top === undefined) return undefined;
  return Math.max(0, (parseSequence(sequence)?.version ?? 0) - (parseSequence(top)?.version ?? 0));
}
