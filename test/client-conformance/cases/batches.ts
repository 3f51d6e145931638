import { setTimeout as sleep } from 'node:timers/promises';
import { COMPRESSIONS } from '../../../lib/relay/environment';
import type { BatchOutcome, PartitionBatch } from '../../../lib/relay/ports';
import { deleteTopic } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import type { ConformanceCase } from '../case';
import type { OpenClient } from '../client';
import { createSettledTopics, permissionKnown, permit, readClientMessages } from '../topics';

const message = (topic: string, value: Buffer | null, headers: Record<string, string> = {}) => ({
  ...{ topic, key: Buffer.from('schlüssel'), value, headers },
});
const batchOf = (topic: string, partition: number, ...messages: PartitionBatch['messages']): PartitionBatch => ({
  ...{ topic, partition, messages },
});

const oneMessage = (topic: string): PartitionBatch => batchOf(topic, 0, message(topic, Buffer.from('1')));

const shown = (outcome: BatchOutcome | undefined): string =>
  outcome?.kind === 'poison' ? outcome.reason : (outcome?.kind ?? 'nothing');

/** Brokers need some time before they replicate a new topic: until then an outage is the right outcome. */
const SETTLED_MS = 20_000;
const POLL_MS = 100;

/** The outcomes of the batches; those that had an outage are published again. */
async function settled(client: OpenClient, batches: readonly PartitionBatch[]): Promise<BatchOutcome[]> {
  const outcomes = new Map<PartitionBatch, BatchOutcome>();
  await waitUntil('The outcome of each batch', SETTLED_MS, async () => {
    const open = batches.filter((batch) => (outcomes.get(batch)?.kind ?? 'outage') === 'outage');
    const answers = await client.publish(open);
    for (const [at, batch] of open.entries()) {
      const answer = answers[at];
      if (answer !== undefined) outcomes.set(batch, answer);
    }
    return batches.every((batch) => (outcomes.get(batch)?.kind ?? 'outage') !== 'outage') ? true : undefined;
  });
  return batches.flatMap((batch) => outcomes.get(batch) ?? []);
}

/** A fault for each outcome that differs. */
const compared = (outcomes: readonly BatchOutcome[], expected: readonly string[]): string[] =>
  expected.flatMap((wanted, at) => {
    const got = shown(outcomes[at]);
    return got === wanted ? [] : [`batch ${at}: ${got} instead of ${wanted}`];
  });

export const bytes: ConformanceCase = {
  name: 'bytes',
  title: 'keys, values and headers are stored as given, with each compression',
  async run({ testbed, clientName, open }) {
    const faults: string[] = [];
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = Buffer.from('a text that can be compressed, '.repeat(100));
    const headers = { ce_id: 'ü-1', 'content-type': 'application/json', empty: '' };
    const topics = COMPRESSIONS.map((compression) => ({ compression, topic: `bytes-${compression}-${clientName}` }));
    await createSettledTopics(
      testbed,
      topics.map(({ topic }) => ({ topic, partitions: 3 })),
    );
    for (const { compression, topic } of topics) {
      const messages = [message(topic, all, headers), message(topic, null), message(topic, text)];
      faults.push(...compared(await settled(open({ compression }), [batchOf(topic, 2, ...messages)]), ['acked']));
      const stored = await readClientMessages(testbed, topic);
      for (const [at, { key, value, headers: given }] of messages.entries()) {
        const found = stored[at];
        const isSame =
          found?.partition === 2 &&
          found.key?.equals(key) === true &&
          (value === null ? found.value === null : found.value?.equals(value) === true) &&
          JSON.stringify(Object.entries(found.headers ?? {}).map(([name, text]) => [name, String(text)])) ===
            JSON.stringify(Object.entries(given));
        if (!isSame) faults.push(`${compression}: message ${at} is not stored as given`);
      }
    }
    return { faults };
  },
};

export const tooLarge: ConformanceCase = {
  name: 'too-large',
  title: 'a message above the limit of its topic is refused, the others are written',
  async run({ testbed, clientName, open }) {
    const small = `small-${clientName}`;
    const other = oneMessage(`next-to-small-${clientName}`);
    await createSettledTopics(testbed, [
      { topic: small, partitions: 2, configs: { 'max.message.bytes': '2000' } },
      { topic: other.topic, partitions: 1 },
    ]);
    const outcomes = await settled(open(), [
      batchOf(small, 0, message(small, Buffer.alloc(5_000, 1))),
      batchOf(small, 1, message(small, Buffer.from('1'))),
      other,
    ]);
    return { faults: compared(outcomes, ['message-too-large', 'acked', 'acked']) };
  },
};

export const unknownTopic: ConformanceCase = {
  name: 'unknown-topic',
  title: 'a topic that does not exist, or no longer, is refused, the others are written',
  async run({ testbed, clientName, open }) {
    const kept = oneMessage(`kept-${clientName}`);
    const deleted = oneMessage(`deleted-${clientName}`);
    const never = oneMessage(`never-${clientName}`);
    await createSettledTopics(
      testbed,
      [kept, deleted].map(({ topic }) => ({ topic, partitions: 1 })),
    );
    const client = open();
    const faults = compared(await settled(client, [kept, deleted]), ['acked', 'acked']);
    await deleteTopic(testbed.cluster.brokers, deleted.topic);
    faults.push(...compared(await settled(client, [kept, deleted]), ['acked', 'unknown-topic']));
    faults.push(...compared(await settled(client, [kept, never]), ['acked', 'unknown-topic']));
    return { faults };
  },
};

export const unauthorized: ConformanceCase = {
  name: 'unauthorized',
  title: 'a topic that the user may not write, or no longer, is refused, the others are written',
  async run({ testbed, clientName, open }) {
    const written = oneMessage(`written-${clientName}`);
    const hidden = oneMessage(`hidden-${clientName}`);
    const readOnly = oneMessage(`read-only-${clientName}`);
    const revoked = oneMessage(`revoked-${clientName}`);
    await createSettledTopics(
      testbed,
      [written, hidden, readOnly, revoked].map(({ topic }) => ({ topic, partitions: 1 })),
    );
    await permit(testbed, written.topic, 'write');
    await permit(testbed, readOnly.topic, 'describe');
    await permit(testbed, revoked.topic, 'write');
    // Brokers learn of permissions in their order.
    await permissionKnown(testbed, revoked.topic);
    const client = open({ route: 'login' });
    const refused = 'topic-not-authorized';
    const outcomes = await settled(client, [written, hidden, readOnly, revoked]);
    const faults = compared(outcomes, ['acked', refused, refused, 'acked']);
    await permit(testbed, revoked.topic, 'none');
    faults.push(...(await comparedInTime(client, [written, revoked], ['acked', refused])));
    await permit(testbed, revoked.topic, 'write');
    faults.push(...(await comparedInTime(client, [written, revoked], ['acked', 'acked'])));
    return { faults };
  },
};

/** The faults that remain when the brokers have had time to learn of a permission. */
async function comparedInTime(
  client: OpenClient,
  batches: readonly PartitionBatch[],
  expected: readonly string[],
): Promise<string[]> {
  const deadline = performance.now() + SETTLED_MS;
  for (;;) {
    const faults = compared(await client.publish(batches), expected);
    if (faults.length === 0 || performance.now() > deadline) return faults;
    await sleep(POLL_MS);
  }
}
