import decodeKafkajsRecord from 'kafkajs/src/protocol/recordBatch/record/v0/decoder';
import type { KafkaMessage, ProducerRecord, RecordMetadata } from 'kafkajs';
import { runConsumer, type ConsumedRecord, type EventEnvelope } from '../../../lib/consumer';
import { OutboxError } from '../../../lib/event/errors';
import type { Random } from '../../../lib/testing/random';
import { aRecord, aRig, MemoryClient, unreachable, type Rig } from '../../builders/consume';
import { FakeKafkaConsumer } from '../../builders/fake-kafka-consumer';
import { isMap } from '../attributes';
import { mutate } from '../mutate';
import { expectSame, type Target } from '../target';

/** A message as the bytes of a partition have it: any number of headers, of which several may have one name. */
interface SentMessage {
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly unknown[];
  readonly timestamp: unknown;
}

interface Batch {
  readonly messages: readonly unknown[];
  readonly fails: 'nothing' | 'dead letters' | 'table';
  /** Parts that are not of the types that kafkajs promises. */
  readonly untyped: Readonly<Record<string, unknown>>;
}

const FIRST_OFFSET = 100;
/** The event loop's turns in which a message in memory must end. */
const TURNS = 5_000;

function aSentMessage(random: Random, at: number): SentMessage {
  const { headers } = aRecord({ key: String(at), version: 1 + random.integer(3), txEvents: 1 });
  const pairs = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  return {
    key: random.chance(0.1) ? null : String(random.chance(0.8) ? at : 0),
    value: '{"total":5}',
    headers: pairs,
    timestamp: '1767323045678',
  };
}

/**
 * Batches that kafkajs hands over, some of whose messages are malformed. Each message ends as applied, ignored, parked or
 * dead-lettered, and no offset is committed behind one that has not ended.
 */
export const kafkajs: Target = {
  name: 'kafkajs',
  input: (random): Batch => ({
    messages: Array.from({ length: 1 + random.integer(4) }, (_, at) => {
      const message = aSentMessage(random, at);
      return random.chance(0.6) ? mutate(random, message) : message;
    }),
    fails: random.chance(0.7) ? 'nothing' : random.chance(0.5) ? 'dead letters' : 'table',
    untyped: random.chance(0.1) ? { [random.pick(['key', 'value', 'headers']) ?? '']: mutate(random, 'x') } : {},
  }),
  async run(input) {
    const { messages: sent, fails, untyped } = input as Batch;
    const messages = sent.map((message, at) => ({ ...messageOf(message, FIRST_OFFSET + at), ...untyped }));
    const client = new MemoryClient();
    if (fails === 'table') {
      client.beforeWrite = () => {
        throw unreachable();
      };
    }
    const rig = aRig({ attempts: 1 }, client);
    const fake = new FakeKafkaConsumer();
    const kafka = { consumer: () => fake, producer: () => aProducer(fails === 'dead letters') };
    const options = { consumer: rig.consumer, kafka: kafka as never, topics: ['orders'], drainTimeoutMs: 1_000 };
    const running = await runConsumer(options);
    fake.emit('group_join', { memberAssignment: { orders: [0] } });
    const refusal = await refusalOf(fake.deliver(messages as unknown as KafkaMessage[]));
    if (refusal === undefined) await untilEnded(rig, messages.length);
    await running.stop();
    const ends = endsOf(rig);
    if (refusal !== undefined) {
      if (ends.size > 0 || fake.committed.length > 0) throw new Error('A refused batch is committed.');
      return refusal;
    }
    // A dead letter is sent before the table records it, so that it can be sent again.
    const isExact = fails !== 'table';
    checkCommitted(Number(fake.lastCommitted ?? FIRST_OFFSET), messages.length, ends, isExact);
    expectSame('The effects in the table', client.effects().toSorted(), effectsTold(rig));
    if (fails === 'nothing' && ends.size < messages.length) {
      throw new Error(`${messages.length - ends.size} messages have not ended: ${names(rig)}`);
    }
    const words = [...new Set(ends.values())].toSorted();
    return words.length === 0 ? 'all wait' : words.length > 2 ? 'several outcomes' : words.join(' and ');
  },
};

/** The code of the documented refusal, after which kafkajs fetches the batch again. */
async function refusalOf(taking: Promise<void>): Promise<string | undefined> {
  try {
    await taking;
    return undefined;
  } catch (error) {
    if (error instanceof OutboxError && error.is('invalid-option')) return error.code;
    throw error;
  }
}

/** Reads the message as kafkajs does, which merges headers of one name. */
function messageOf(given: unknown, offset: number): object {
  const { key, value, headers, timestamp }: Record<string, unknown> = isMap(given) ? given : {};
  const pairs = (Array.isArray(headers) ? headers : []).map((pair: unknown) => {
    const [name, text]: unknown[] = Array.isArray(pair) ? pair : [pair];
    return { key: textOf(name), value: bytesOf(text) };
  });
  const bytes = [bytesOf(key), bytesOf(value)];
  const record = decodeKafkajsRecord(
    {
      ...{ readInt8: () => 0, readVarLong: () => '0', readVarInt: () => 0 },
      readVarIntBytes: () => bytes.shift() ?? null,
      readVarIntArray: () => pairs,
    },
    { firstOffset: String(offset), firstTimestamp: '0' },
  );
  return { ...record, timestamp: textOf(timestamp) };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify([value]).slice(1, -1));

const bytesOf = (value: unknown): Buffer | null =>
  value === null || value === undefined ? null : Buffer.from(textOf(value));

function aProducer(fails: boolean) {
  return {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    send: ({ topic }: ProducerRecord): Promise<RecordMetadata[]> =>
      fails
        ? Promise.reject(new Error('Kafka is unavailable'))
        : Promise.resolve([{ topicName: topic, partition: 0, errorCode: 0, baseOffset: '1' }]),
  };
}

/** How each message ended, by its offset. */
function endsOf({ told }: Rig): ReadonlyMap<number, string> {
  const ends = new Map<number, string>();
  for (const { name, values } of told.calls) {
    const [subject] = values as [EventEnvelope & ConsumedRecord];
    const word = ENDS[name];
    if (word === undefined) continue;
    const offset = name === 'deadLettered' ? Number(subject.offset) : Number(subject.receipt.split('@')[1]);
    ends.set(offset, word);
  }
  return ends;
}

const ENDS: Readonly<Record<string, string>> = {
  applied: 'applied',
  duplicateIgnored: 'ignored',
  replayIgnored: 'ignored',
  unknownTypeSkipped: 'ignored',
  deadLettered: 'dead letter',
  parked: 'parked',
};

/** The effects of the events that were reported as applied. A type without a handler has none. */
const effectsTold = ({ told }: Rig): string[] =>
  (told.of('applied') as [EventEnvelope][])
    .flatMap(([{ type, id }]) => (type === 'order.placed' ? [id] : []))
    .toSorted();

const names = ({ told }: Rig): string => told.calls.map(({ name }) => name).join();

/** Waits until each message has ended, or until only those are left whose table or dead letters do not respond. */
async function untilEnded(rig: Rig, messages: number): Promise<void> {
  const isBlocked = (): boolean => rig.told.of('outage').length + rig.told.of('deadLetterFailed').length > 0;
  for (let turn = 0; turn < TURNS && endsOf(rig).size < messages; turn++) {
    if (isBlocked() && turn > 20) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function checkCommitted(
  committed: number,
  messages: number,
  ends: ReadonlyMap<number, string>,
  isExact: boolean,
): void {
  const offsets = Array.from({ length: messages }, (_, at) => FIRST_OFFSET + at);
  const passed = offsets.filter((offset) => offset < committed && !ends.has(offset));
  if (passed.length > 0) throw new Error(`${committed} is committed, and ${passed.join()} has not ended.`);
  const first = offsets.find((offset) => !ends.has(offset)) ?? FIRST_OFFSET + messages;
  if (isExact && committed !== first) throw new Error(`${committed} is committed instead of ${first}.`);
}
