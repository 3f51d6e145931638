import { FIRST_POSITION } from '../event/position';
import { REPLAY_HEADER, type Message } from '../event/message';
import { newSignal, type ReplaySignal } from '../event/signal';
import { storedBatchItemOf, type BatchItem } from './batch-item';
import type { Failure, Outage, StoredItem } from './ports';
import { halve, planRound, type PlannedBatch } from './plan-round';
import { acknowledge, NO_OUTCOME, type PublishSession } from './publish-session';

/** If a process dies, at most this many items and a page are repeated. Each note costs one write unit. */
const ITEMS_BETWEEN_NOTES = 250;

export type ReplayOutcome =
  | { readonly kind: 'done' }
  /** Time ran out; `signal` is for the remaining part. */
  | { readonly kind: 'rest'; readonly signal: ReplaySignal }
  /** The record is delivered again, and the replay resumes at the position that is noted on the signal. */
  | { readonly kind: 'failed' }
  /** The signal is gone: another one has taken its place. */
  | { readonly kind: 'superseded' }
  /** Kafka will never accept it. A replay parks nothing, because its items have been delivered before. */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Publishes the processed items of the signal's range once more. Marks nothing: the receipts of the first delivery
 * stay. Progress is noted on the signal from time to time, and when an outage ends the replay.
 *
 * @param waitedMs - time since the stream showed the signal. If a partition alone accepts no writes, the shard must not
 *   wait for it: once the patience is over, the remaining part continues as a new signal, about once per patience
 */
export async function replay(signal: ReplaySignal, session: PublishSession, waitedMs: number): Promise<ReplayOutcome> {
  const { invocation } = session;
  const { keys, signals, telemetry, clock } = invocation.ports;
  let replayed = 0;
  let noted = 0;
  const note = (from: string): Promise<'noted' | 'gone'> => {
    noted = replayed;
    return signals.advance(signal, from);
  };
  const fail = async (from: string): Promise<ReplayOutcome> => {
    if (replayed > 0) telemetry.replayed(signal, replayed);
    if (replayed > noted) await note(from);
    return { kind: 'failed' };
  };
  const rest = (from: string): ReplayOutcome => {
    const { pk, sk: _, storedUnder: __, ...unchanged } = signal;
    return { kind: 'rest', signal: newSignal(pk, clock.now(), { ...unchanged, from }) };
  };
  for await (const page of keys.pages(signal.pk, signal.from ?? FIRST_POSITION)) {
    let open = page.flatMap((stored, at) => (isInRange(stored, signal) ? replayedItem(stored, at, signal) : []));
    const [first] = open;
    if (first !== undefined && replayed - noted >= ITEMS_BETWEEN_NOTES && (await note(first.sk)) === 'gone') {
      return { kind: 'superseded' };
    }
    for (;;) {
      open = open.filter(({ state }) => state === 'open');
      const [next] = open;
      if (next === undefined) break;
      if (invocation.stopped) return fail(next.sk);
      if (!invocation.hasTimeForRound) {
        // Nothing is done yet: the same signal is delivered again, instead of a new one without progress.
        if (replayed === 0) return { kind: 'failed' };
        telemetry.replayed(signal, replayed);
        return rest(next.sk);
      }
      const failure = await publishRound(open, session);
      replayed += open.filter(({ state }) => state === 'settled').length;
      if (failure?.kind === 'poison') return { kind: 'refused', why: `${failure.reason}: ${failure.message}` };
      if (failure !== undefined) {
        const from = open.find(({ state }) => state === 'open')?.sk ?? next.sk;
        // A failed lookup of a topic is already reported.
        if (failure.partition === undefined) invocation.stop();
        else if (!(await failsAlone(failure, session, waitedMs))) invocation.stop(failure);
        else if (waitedMs < invocation.options.partitionPatienceMs) telemetry.outage(failure);
        else return rest(from);
        return fail(from);
      }
    }
    const last = page.at(-1)?.sk;
    if (signal.to !== undefined && last !== undefined && last > signal.to) break;
  }
  telemetry.replayed(signal, replayed);
  return { kind: 'done' };
}

function isInRange({ state, sk, content }: StoredItem, { to, since = 0, until = Infinity }: ReplaySignal): boolean {
  if (state !== 'processed' || content.kind === 'undecodable' || (to !== undefined && sk > to)) return false;
  const { committedAt } = content.item;
  return committedAt >= since && committedAt <= until;
}

/** Empty for an item without such events; a mark that did not fit may have removed them. */
function replayedItem(stored: StoredItem, index: number, { replayId, topic, ofTopic }: ReplaySignal): BatchItem[] {
  const item = storedBatchItemOf(stored, index);
  if (item.content.kind === 'undecodable') return [];
  const wanted = item.content.messages.filter((message) => ofTopic === undefined || message.topic === ofTopic);
  if (wanted.length === 0) return [];
  const messages = wanted.map((message): Message => ({
    ...message,
    topic: topic ?? message.topic,
    headers: { ...message.headers, [REPLAY_HEADER]: replayId },
  }));
  return [{ ...item, content: { ...item.content, messages } }];
}

/** Whether other partitions accept writes; in a general outage the relay tries nothing else either. */
async function failsAlone(
  { topic, partition, ...failure }: Outage,
  { hasAcks, invocation: { partitions } }: PublishSession,
  waitedMs: number,
): Promise<boolean> {
  if (topic === undefined || partition === undefined) return false;
  partitions.failed({ topic, partition }, failure);
  return hasAcks || (await partitions.evidenceOf({ topic, partition }, waitedMs)) !== undefined;
}

async function publishRound(open: readonly BatchItem[], session: PublishSession): Promise<Failure | undefined> {
  const { batches, refused } = planRound(open, await session.topics.of(open), session.invocation.options);
  if (batches.length === 0) return refused[0]?.failure;
  for (const batch of batches) {
    const failure = await publishBatch(batch, session);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/**
 * Halves a batch that is refused as a whole: a side topic may accept less at once than the outbox's own topics. The
 * half for which there is no time stays open.
 */
async function publishBatch(batch: PlannedBatch, session: PublishSession): Promise<Failure | undefined> {
  const { invocation } = session;
  const [outcome = NO_OUTCOME] = await invocation.ports.publisher.publish([batch]);
  if (outcome.kind === 'acked') {
    for (const [item] of acknowledge(batch, outcome.baseOffset)) item.state = 'settled';
    return undefined;
  }
  if (outcome.kind === 'outage') return { ...outcome, topic: batch.topic, partition: batch.partition };
  const [first, second] = halve(batch, outcome);
  if (first === undefined || second === undefined) return outcome;
  const failure = await publishBatch(first, session);
  return failure ?? (invocation.hasTimeForRound ? publishBatch(second, session) : undefined);
}
