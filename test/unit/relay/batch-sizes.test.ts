import { messageBytes, type Message } from '../../../lib/event/message';
import { BatchSizes } from '../../../lib/relay/batch-sizes';
import type { BatchOutcome, PartitionBatch } from '../../../lib/relay/ports';
import { FakeKafka } from '../../builders/relay-ports';

const message: Message = { topic: 'orders', key: Buffer.from('key'), value: Buffer.alloc(97), headers: {} };
const BYTES = messageBytes(message);
const batchOf = (count: number): PartitionBatch => ({
  topic: 'orders',
  partition: 0,
  messages: Array.from({ length: count }, () => message),
});

/** A topic that accepts batches of at most `takes` messages. */
function sizesOf(takes: number) {
  const clock = { ms: 0, now: () => clock.ms };
  const sizes = new BatchSizes(1_000 * BYTES, clock);
  const kafka = new FakeKafka();
  kafka.refuse = ({ messages }) =>
    messages.length > takes ? { kind: 'poison', reason: 'message-too-large', message: 'too large' } : undefined;
  const publisher = sizes.learningFrom(kafka);
  const publish = (count: number): Promise<readonly BatchOutcome[]> => publisher.publish([batchOf(count)]);
  return { clock, sizes, kafka, publish };
}

it('allows the configured limit for a topic without a refusal', async () => {
  const { sizes, publish } = sizesOf(1_000);
  await publish(1_000);

  expect(sizes.limitOf('orders')).toBe(1_000 * BYTES);
});

it('allows half of the refused size, for this topic alone', async () => {
  const { sizes, publish } = sizesOf(100);
  for (const count of [1_000, 500, 250, 125, 62]) await publish(count);

  expect(sizes.limitOf('orders')).toBe(62.5 * BYTES);
  expect(sizes.limitOf('others')).toBe(1_000 * BYTES);
});

it('allows at least the largest size accepted since', async () => {
  const { sizes, publish } = sizesOf(100);
  await publish(150);
  await publish(90);

  expect(sizes.limitOf('orders')).toBe(90 * BYTES);
});

it('learns nothing from a message that is refused alone', async () => {
  const { sizes, publish } = sizesOf(0);
  await publish(1);

  expect(sizes.limitOf('orders')).toBe(1_000 * BYTES);
});

it('finds a raised limit again, with one try in ten minutes', async () => {
  const { clock, sizes, publish } = sizesOf(100);
  await publish(200);
  clock.ms += 10 * 60_000 - 1;
  expect(sizes.limitOf('orders')).toBe(100 * BYTES);
  clock.ms += 1;
  expect([sizes.limitOf('orders'), sizes.limitOf('orders')]).toEqual([200 * BYTES, 200 * BYTES]);
  for (let tries = 0; tries < 3; tries++) {
    clock.ms += 10 * 60_000;
    sizes.limitOf('orders');
  }

  expect(sizes.limitOf('orders')).toBe(1_000 * BYTES);
});
