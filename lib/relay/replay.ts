import { itemStateOf } from '../event/item-state';
import type { Image } from '../event/item';
import { REPLAY_HEADER, type Message } from '../event/message';
import { newSignal, type ReplaySignal } from '../event/signal';
import { concernsMessages } from './classify';
import type { Delivery } from './delivery';
import { storedEntryOf, type Entry } from './entry';
import type { RelayOptions } from './options';
import type { Failure, Outage, Publisher, RelayPorts, TopicLookup } from './ports';
import { halve, planRound, type LoadedBatch } from './rounds';

/** Sorts before every position. */
const FIRST_POSITION = '0';
/** A process that dies repeats at most this many items, and a page. Each note costs one write unit. */
const ITEMS_BETWEEN_NOTES = 250;

export type ReplayOutcome =
  | { readonly kind: 'done' }
  /** Time ran out: the rest, as a signal of its own. */
  | { readonly kind: 'rest'; readonly signal: ReplaySignal }
  /** Its record is delivered again, and goes on where the note on the signal says. */
  | { readonly kind: 'failed' }
  /** The signal is gone meanwhile: another one has taken its place. */
  | { readonly kind: 'superseded' }
  /** Kafka will never take it: a replay parks nothing, because what it repeats has been delivered. */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Publishes the processed items of the signal's range once more. Marks nothing: their receipts stay. How far it is
 * gets noted on the signal from time to time, and when an outage ends it.
 *
 * @param waitedMs - how long ago the stream showed the signal. Its shard must not wait for a partition that alone takes
 *   no writes: after the patience the rest goes on as a signal of its own, about once in that time
 */
export async function replay(
  signal: ReplaySignal,
  delivery: Delivery,
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
    let open: readonly Entry[] = entries;
    const [first] = entries;
    if (first !== undefined && items - noted >= ITEMS_BETWEEN_NOTES && (await note(first.sk)) === 'gone') {
      return { kind: 'superseded' };
    }
    for (;;) {
      open = open.filter(({ state }) => state === 'open');
      const [next] = open;
      if (next === undefined) break;
      if (delivery.stopped) return fail(next.sk);
      if (!delivery.mayGoOn) {
        // Nothing done yet: the same signal again, instead of a new one that gets no further.
        if (items === 0) return { kind: 'failed' };
        ports.telemetry.replayed(signal, items);
        return { kind: 'rest', signal: newSignal(signal.pk, ports.clock.now(), { ...restOf(signal), from: next.sk }) };
      }
      const failure = await publishRound(open, delivery, ports, options);
      items += open.filter(({ state }) => state === 'settled').length;
      if (failure?.kind === 'poison') return { kind: 'refused', why: `${failure.reason}: ${failure.message}` };
      if (failure !== undefined) {
        const from = open.find(({ state }) => state === 'open')?.sk ?? next.sk;
        if (!(await failsAlone(failure, delivery, waitedMs))) delivery.stop(failure);
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

/** Nothing for an item without such events: a mark that was too large for it may have dropped them. */
function replayEntry(image: Image, index: number, { replayId, topic, ofTopic }: ReplaySignal): Entry[] {
  const entry = storedEntryOf(image, index);
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

/** Whether other partitions take writes: in a general outage nothing else is tried either. */
async function failsAlone(
  { topic, partition, ...failure }: Outage,
  { brokersAnswer, partitions }: Delivery,
  waitedMs: number,
): Promise<boolean> {
  if (topic === undefined || partition === undefined) return false;
  partitions.failed({ topic, partition }, failure);
  return brokersAnswer || (await partitions.awaited({ topic, partition }, waitedMs)) !== undefined;
}

async function publishRound(
  open: readonly Entry[],
  delivery: Delivery,
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
    const failure = await publishBatch(batch, publisher, delivery);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/**
 * Halves what is refused as a whole: a side topic may take less at once than the topics of the outbox. What there is no
 * time for stays open.
 */
async function publishBatch(
  batch: LoadedBatch,
  publisher: Publisher,
  delivery: Delivery,
): Promise<Failure | undefined> {
  const [outcome = NO_ANSWER] = await publisher.publish([batch]);
  if (outcome.kind !== 'acked') {
    if (outcome.kind === 'outage') return { ...outcome, topic: batch.topic, partition: batch.partition };
    if (batch.shipments.length === 1 || !concernsMessages(outcome)) return outcome;
    const [first, second] = halve(batch);
    const failure = await publishBatch(first, publisher, delivery);
    return failure ?? (delivery.mayGoOn ? publishBatch(second, publisher, delivery) : undefined);
  }
  const { topic, partition, shipments } = batch;
  for (const [at, { entry, content, index }] of shipments.entries()) {
    if (content.receipts.length !== index) continue;
    content.receipts.push({ topic, partition, offset: outcome.baseOffset + BigInt(at) });
    if (index === content.messages.length - 1) entry.state = 'settled';
  }
  return undefined;
}

const NO_ANSWER: Failure = { kind: 'outage', message: 'The publisher gave no answer for a batch.' };
