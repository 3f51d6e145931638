import type { Message } from '../../../lib/event/message';
import { COMPRESSIONS, type Compression } from '../../../lib/relay/environment';
import type { KafkaPublisher } from '../../../lib/relay/publishing/publisher';
import type { PartitionBatch } from '../../../lib/relay/ports';
import { startKafka, type KafkaCluster } from '../../../local/kafka/cluster';
import { createTopics, deleteTopic, withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import { PUBLISHERS } from './clients';
import { readTopic } from './read-topic';

let cluster: KafkaCluster;
const open: KafkaPublisher[] = [];
beforeAll(async () => {
  // Not shared, because a test kills the broker.
  cluster = await startKafka();
});
afterAll(async () => {
  await Promise.all(open.map((publisher) => publisher.close()));
  await cluster.stop();
});

const message = (topic: string, value: Buffer | null, headers: Message['headers'] = {}): Message => ({
  topic,
  key: Buffer.from('schlüssel'),
  value,
  headers,
});
const batch = (topic: string, partition: number, ...messages: Message[]): PartitionBatch => ({
  topic,
  partition,
  messages,
});

describe.each(PUBLISHERS)('with %s', (client, openPublisher) => {
  function newPublisher(compression: Compression = 'none') {
    const rebuilds: unknown[] = [];
    const publisher = openPublisher({
      ...{ compression, requestTimeoutMs: 10_000, brokers: cluster.brokers },
      onRebuilt: (cause) => rebuilds.push(cause),
    });
    open.push(publisher);
    return { publisher, rebuilds };
  }

  const newTopic = async (name: string, partitions: number, configs?: Record<string, string>) => {
    const topic = `${client}-${name}`;
    await createTopics(cluster.brokers, [{ topic, partitions, configs }]);
    // The metadata names the leader before that broker knows it, which a busy machine makes visible.
    await waitUntil('The leaders of a new topic', 60_000, () =>
      withAdmin(cluster.brokers, (admin) => admin.fetchTopicOffsets(topic)),
    );
    return topic;
  };

  it.each(COMPRESSIONS)('stores what it was given, with compression %s', async (compression) => {
    const topic = await newTopic(`stored-${compression}`, 3);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = Buffer.from('a text that can be compressed, '.repeat(100));
    const headers = { ce_id: 'ü-1', 'content-type': 'application/json', empty: '' };

    const outcomes = await newPublisher(compression).publisher.publish([
      batch(topic, 2, message(topic, bytes, headers), message(topic, null), message(topic, text)),
      batch(topic, 0, message(topic, text)),
    ]);

    expect(outcomes).toEqual([
      { kind: 'acked', baseOffset: 0n },
      { kind: 'acked', baseOffset: 0n },
    ]);
    const stored = (await readTopic(cluster.brokers, topic)).sort((a, b) => b.partition - a.partition);
    expect(stored.map(({ partition, offset }) => [partition, offset])).toEqual([
      [2, '0'],
      [2, '1'],
      [2, '2'],
      [0, '0'],
    ]);
    expect(stored.map(({ value }) => value)).toEqual([bytes, null, text, text]);
    expect(stored.every(({ key }) => key?.toString() === 'schlüssel')).toBe(true);
    const [first] = stored;
    expect(
      Object.fromEntries(Object.entries(first?.headers ?? {}).map(([name, value]) => [name, String(value)])),
    ).toEqual(headers);
  });

  it('parts a message that is too large for its topic from the others', async () => {
    const topic = await newTopic('small', 2, { 'max.message.bytes': '2000' });
    const large = message(topic, Buffer.alloc(5_000, 1));
    const { publisher } = newPublisher();

    expect(await publisher.publish([batch(topic, 0, large)])).toMatchObject([
      { kind: 'poison', reason: 'message-too-large' },
    ]);
    expect(
      await publisher.publish([batch(topic, 0, large), batch(topic, 1, message(topic, Buffer.from('fits')))]),
    ).toMatchObject([{ kind: 'poison', reason: 'message-too-large' }, { kind: 'acked' }]);
  });

  it('counts partitions without writing anything', async () => {
    const topic = await newTopic('counted', 5);
    const { publisher } = newPublisher();

    expect(await publisher.partitionCount(topic)).toEqual({ kind: 'topic', partitions: 5 });
    // A broker shows the leaders of a new topic a moment before it accepts messages for them.
    await waitUntil('The acknowledgement', 60_000, async () => {
      const [outcome] = await publisher.publish([batch(topic, 4, message(topic, Buffer.from('first')))]);
      return outcome?.kind === 'acked' ? true : undefined;
    });
    expect(await publisher.partitionCount(topic)).toEqual({ kind: 'topic', partitions: 5 });
    expect((await readTopic(cluster.brokers, topic)).map(({ value }) => String(value))).toEqual(['first']);
  });

  it('refuses a topic that does not exist, and no other with it', async () => {
    const topic = await newTopic('known', 1);
    const unknown = `${client}-unknown`;
    const { publisher } = newPublisher();

    expect(await publisher.partitionCount(unknown)).toMatchObject({ kind: 'poison', reason: 'unknown-topic' });
    expect(await publisher.partitionCount('not a name')).toMatchObject({ kind: 'poison', reason: 'unknown-topic' });
    expect(await publisher.partitionCount(topic)).toMatchObject({ kind: 'topic' });
    expect(
      await publisher.publish([batch(unknown, 0, message(unknown, null)), batch(topic, 0, message(topic, null))]),
    ).toMatchObject([{ kind: 'poison', reason: 'unknown-topic' }, { kind: 'acked' }]);
  });

  it('goes on with the other topics when one is deleted', async () => {
    const kept = await newTopic('kept', 1);
    const deleted = await newTopic('deleted', 1);
    const { publisher } = newPublisher();
    const both = [batch(kept, 0, message(kept, null)), batch(deleted, 0, message(deleted, null))];
    expect(await publisher.publish(both)).toMatchObject([{ kind: 'acked' }, { kind: 'acked' }]);

    await deleteTopic(cluster.brokers, deleted);

    expect(await publisher.publish(both)).toMatchObject([
      { kind: 'acked' },
      { kind: 'poison', reason: 'unknown-topic' },
    ]);
    expect(await publisher.publish(both.slice(0, 1))).toMatchObject([{ kind: 'acked' }]);
  });

  it('reports an outage while the broker is unavailable and publishes when it is back', async () => {
    const topic = await newTopic('interrupted', 1);
    const { publisher, rebuilds } = newPublisher();
    const send = () => publisher.publish([batch(topic, 0, message(topic, Buffer.from('x')))]);
    expect(await send()).toMatchObject([{ kind: 'acked', baseOffset: 0n }]);

    await cluster.nodes[0]?.kill();
    expect(await send()).toMatchObject([{ kind: 'outage' }]);
    expect(await publisher.partitionCount(topic)).toMatchObject({ kind: 'outage' });
    expect(rebuilds).toHaveLength(1);

    await cluster.nodes[0]?.start();
    await cluster.ready();
    expect(await send()).toMatchObject([{ kind: 'acked', baseOffset: 1n }]);
  });
});
