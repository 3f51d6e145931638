import { messageBytes } from '../event/message';
import { partitionName } from '../event/topic-partition';
import type { PlannedBatch, RoundLimits } from './plan-round';

interface WaitingRound {
  readonly batches: readonly PlannedBatch[];
  readonly resolve: (nothing: undefined) => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Sends the rounds of concurrent drains together: while one send is in progress, the next rounds wait, and then share
 * one send. Otherwise a drain would wait for a send of every other drain before each of its own.
 *
 * Each round is of other keys, because a drain sends its next round only when its last one has ended.
 */
export class JoinedRounds {
  readonly #options: JoinedRoundsOptions;
  #waiting: WaitingRound[] = [];
  #isSending = false;

  constructor(options: JoinedRoundsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the batches were sent and settled, or rejects as that does. Without time for them when it is their
   * turn, nothing was sent.
   */
  send(batches: readonly PlannedBatch[]): Promise<void> {
    if (batches.length === 0) return Promise.resolve();
    if (!this.#isSending) return this.#sendFirst(batches);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#waiting.push({ batches, resolve, reject });
    return promise;
  }

  async #sendFirst(batches: readonly PlannedBatch[]): Promise<void> {
    this.#isSending = true;
    try {
      await this.#options.send(batches);
    } finally {
      void this.#sendWaiting();
    }
  }

  async #sendWaiting(): Promise<void> {
    const { send, limits, hasTime, nextTurn } = this.#options;
    for (;;) {
      await nextTurn?.();
      if (this.#waiting.length === 0) break;
      const { batches, count } = joinRounds(
        this.#waiting.map((round) => round.batches),
        limits,
      );
      const joined = this.#waiting.splice(0, count);
      try {
        if (hasTime()) await send(batches);
        for (const { resolve } of joined) resolve(undefined);
      } catch (cause) {
        for (const { reject } of joined) reject(cause);
      }
    }
    this.#isSending = false;
  }
}

interface JoinedRoundsOptions {
  readonly send: (batches: readonly PlannedBatch[]) => Promise<void>;
  readonly limits: RoundLimits;
  /** Whether there is time to send rounds that have waited. */
  readonly hasTime: () => boolean;
  /** Resolves when the drains whose rounds have ended have planned their next ones. */
  readonly nextTurn?: () => Promise<void>;
}

/**
 * The batches of as many rounds, from the first on, as fit into one: the limits of a round and of its batches also
 * apply to several rounds together. The first is taken even if it is above them, because a message may be.
 *
 * @param rounds - at least one; no two have messages of the same key
 */
export function joinRounds(
  rounds: readonly (readonly PlannedBatch[])[],
  { maxMessages, maxBatchBytes, batchBytesOf = () => maxBatchBytes }: RoundLimits,
): { readonly batches: readonly PlannedBatch[]; readonly count: number } {
  const [first = [], ...others] = rounds;
  if (others.length === 0) return { batches: first, count: 1 };
  const joined = new Map(first.map((batch) => [partitionName(batch), { ...batch, bytes: bytesOf(batch) }]));
  let messages = countOf(first);
  let count = 1;
  for (const round of others) {
    messages += countOf(round);
    const fits = round.every(
      (batch) => (joined.get(partitionName(batch))?.bytes ?? 0) + bytesOf(batch) <= batchBytesOf(batch.topic),
    );
    if (messages > maxMessages || !fits) break;
    for (const batch of round) {
      const name = partitionName(batch);
      const { messages: before = [], messageRefs = [], bytes = 0 } = joined.get(name) ?? {};
      joined.set(name, {
        ...batch,
        messages: [...before, ...batch.messages],
        messageRefs: [...messageRefs, ...batch.messageRefs],
        bytes: bytes + bytesOf(batch),
      });
    }
    count++;
  }
  return { batches: [...joined.values()].map(({ bytes: _, ...batch }) => batch), count };
}

const countOf = (round: readonly PlannedBatch[]): number =>
  round.reduce((sum, { messages }) => sum + messages.length, 0);

const bytesOf = ({ messages }: PlannedBatch): number =>
  messages.reduce((sum, message) => sum + messageBytes(message), 0);
