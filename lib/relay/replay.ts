import { itemStateOf } from '../event/item-state';
import type { Image } from '../event/item';
import { REPLAY_HEADER, type Message } from '../event/message';
import { newSignal, type ReplaySignal } from '../event/signal';
import type { PublishSession } from './publish-session';
import { storedBatchItemOf, type BatchItem } from './batch-item';
import type { RelayOptions } from './options';
import {
  concernsMessages,
  type Failure,
  type Outage,
  type Publisher,
  type RelayPorts,
  type TopicLookup,
} from './ports';
import { halve, planRound, type PlannedBatch } from './plan-round';

/** Sorts before every position. */
const FIRST_POSITION = '0';
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
export async function replay(
  signal: ReplaySignal,
  session: PublishSession,
  ports: RelayPorts,
  options: RelayOptions,
  waitedMs: number,
): Promise<ReplayOutcome> {
  let items = 0;
  let noted = 0;
  const note = async (next: string): Promise<'noted' | 'gone'> => {
    noted = items;
    return ports.signals.advance(signal, next);
  };
  const fail = async (next: string): Promise<ReplayOutcome> => {
    if (items > 0) ports.telemetry.replayed(signal, items);
    if (items > noted) await note(next);
    return { kind: 'failed' };
  };
  for await (const page of ports.keys.pages(signal.pk, signal.from ?? FIRST_POSITION)) {
    const entries = page.flatMap((image, at) => (isInRange(image, signal) ? replayEntry(image, at, signal) : []));
    let open: readonly BatchItem[] = entries;
    const [first] = entries;
    if (first !== undefined && items - noted >= ITEMS_BETWEEN_NOTES && (await note(first.sk)) === 'gone') {
      return { kind: 'superseded' };
    }
    for (;;) {
      open = open.filter(({ state }) => state === 'open');
      const [next] = open;
      if (next === undefined) break;
      if (session.stopped) return fail(next.sk);
      if (!session.mayGoOn) {
        // Nothing is done yet: the same signal is delivered again, instead of a new one without progress.
        if (items === 0) return { kind: 'failed' };
        ports.telemetry.replayed(signal, items);
        return { kind: 'rest', signal: newSignal(signal.pk, ports.clock.now(), { ...restOf(signal), from: next.sk }) };
      }
      const failure = await publishRound(open, session, ports, options);
      items += open.filter(({ state }) => state === 'settled').length;
      if (failure?.kind === 'poison') return { kind: 'refused', why: `${failure.reason}: ${failure.message}` };
      if (failure !== undefined) {
        const from = open.find(({ state }) => state === 'open')?.sk ?? next.sk;
        if (!(await failsAlone(failure, session, waitedMs))) session.stop(failure);
        else if (waitedMs < options.partitionPatienceMs) ports.telemetry.outage(failure);
        else return { kind: 'rest', signal: newSignal(signal.pk, ports.clock.now(), { ...restOf(signal), from }) };
        return fail(from);
      }
    }
    const last = page.at(-1)?.['sk']?.S;
    if (signal.to !== undefined && last !== undefined && last > signal.to) break;
  }
  ports.telemetry.replayed(signal, items);
  return { kind: 'done' };
}

const restOf = ({
  kind,
  request,
  replayId,
  to,
  since,
  until,
  topic,
  ofTopic,
}: ReplaySignal): Omit<ReplaySignal, 'pk' | 'sk'> => ({
  kind,
  request,
  replayId,
  to,
  since,
  until,
  topic,
  ofTopic,
});

function isInRange(image: Image, { to, since, until }: ReplaySignal): boolean {
  const committedAt = Number(image['committedAt']?.N);
  return (
    itemStateOf(image).state === 'processed' &&
    (to === undefined || (image['sk']?.S ?? '') <= to) &&
    (since === undefined || committedAt >= since) &&
    (until === undefined || committedAt <= until)
  );
}

/** Empty for an item without such events; a mark that did not fit may have removed them. */
function replayEntry(image: Image, index: number, { replayId, topic, ofTopic }: ReplaySignal): BatchItem[] {
  const entry = storedBatchItemOf(image, index);
  if (entry.content.kind === 'undecodable') return [];
  const wanted = entry.content.messages.filter((message) => ofTopic === undefined || message.topic === ofTopic);
  if (wanted.length === 0) return [];
  const messages = wanted.map((message): Message => ({
    ...message,
    topic: topic ?? message.topic,
    headers: { ...message.headers, [REPLAY_HEADER]: replayId },
  }));
  return [{ ...entry, content: { ...entry.content, messages } }];
}

/** Whether other partitions accept writes; in a general outage the relay tries nothing else either. */
async function failsAlone(
  { topic, partition, ...failure }: Outage,
  { brokersAnswer, partitions }: PublishSession,
  waitedMs: number,
): Promise<boolean> {
  if (topic === undefined || partition === undefined) return false;
  partitions.failed({ topic, partition }, failure);
  return brokersAnswer || (await partitions.awaited({ topic, partition }, waitedMs)) !== undefined;
}

async function publishRound(
  open: readonly BatchItem[],
  session: PublishSession,
  { publisher }: RelayPorts,
  options: RelayOptions,
): Promise<Failure | undefined> {
  const topics = new Map<string, TopicLookup>();
  for (const { content } of open) {
    if (content.kind === 'undecodable') continue;
    for (const { topic } of content.messages) {
      if (!topics.has(topic)) topics.set(topic, await publisher.partitionCount(topic));
    }
  }
  const { batches, refused } = planRound(open, topics, options);
  if (batches.length === 0) return refused[0]?.failure;
  for (const batch of batches) {
    const failure = await publishBatch(batch, publisher, session);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/**
 * Halves a batch that is refused as a whole: a side topic may accept less at once than the outbox's own topics. The
 * half for which there is no time stays open.
 */
async function publishBatch(
  batch: PlannedBatch,
  publisher: Publisher,
  session: PublishSession,
): Promise<Failure | undefined> {
  const [outcome = NO_ANSWER] = await publisher.publish([batch]);
  if (outcome.kind !== 'acked') {
    if (outcome.kind === 'outage') return { ...outcome, topic: batch.topic, partition: batch.partition };
    if (batch.messageRefs.length === 1 || !concernsMessages(outcome)) return outcome;
    const [first, second] = halve(batch);
    const failure = await publishBatch(first, publisher, session);
    return failure ?? (session.mayGoOn ? publishBatch(second, publisher, session) : undefined);
  }
  const { topic, partition, messageRefs } = batch;
  for (const [at, { entry, content, index }] of messageRefs.entries()) {
    if (content.receipts.length !== index) continue;
    content.receipts.push({ topic, partition, offset: outcome.baseOffset + BigInt(at) });
    if (index === content.messages.length - 1) entry.state = 'settled';
  }
  return undefined;
}

const NO_ANSWER: Failure = { kind: 'outage', message: 'The publisher gave no answer for a batch.' };
