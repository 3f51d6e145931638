import { partitionName } from '../../../../lib/event/topic-partition';
import { platformaticClient } from '../../../../lib/relay/platformatic/client';
import { PlatformaticSession } from '../../../../lib/relay/platformatic/session';
import type { PartitionBatch } from '../../../../lib/relay/ports';
import { classify } from '../../../../lib/relay/publishing/classify-error';
import type { SendResult } from '../../../../lib/relay/publishing/session';
import { FakeCluster } from './fake-broker';

const REQUEST_TIMEOUT_MS = 300;
const noSecrets = () => Promise.reject(new Error('There are no secrets.'));
const clock = { ms: 0, now: () => clock.ms };
const FOUR_MINUTES = 4 * 60_000;

let cluster: FakeCluster;
const opened: PlatformaticSession[] = [];
beforeEach(async () => {
  clock.ms = 0;
  cluster = await FakeCluster.start(2);
  cluster.topics.set('a', [{ leader: 0 }, { leader: 1 }, { leader: 0 }]);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((session) => session.discard()));
  await cluster.stop();
});

async function open(broker = cluster.brokers[0] ?? ''): Promise<PlatformaticSession> {
  const config = { name: 'test', auth: { kind: 'none' }, requestTimeoutMs: REQUEST_TIMEOUT_MS } as const;
  const client = await platformaticClient(config, noSecrets)();
  const options = { compression: 'none', requestTimeoutMs: REQUEST_TIMEOUT_MS, clock } as const;
  const session = await PlatformaticSession.open(client, options, broker);
  opened.push(session);
  return session;
}

const batch = (name: string, records = 1): PartitionBatch => {
  const [topic = '', partition] = name.split('-');
  const message = { topic, key: Buffer.from('key'), value: Buffer.from('value'), headers: { ce_id: 'ü' } };
  return { topic, partition: Number(partition), messages: Array.from({ length: records }, () => message) };
};

const offsetsOf = ({ offsets }: SendResult) =>
  Object.fromEntries([...offsets].map(([sent, offset]) => [partitionName(sent), offset]));
const failuresOf = ({ failures }: SendResult) =>
  Object.fromEntries([...failures].map(([sent, failure]) => [partitionName(sent), failure]));

describe('a send', () => {
  it('is one request for each leader, with an offset for each partition', async () => {
    cluster.answer = ({ partition }) => ({ offset: partition === 'a-1' ? 70n : 9n });
    const session = await open();

    const result = await session.send([batch('a-0'), batch('a-1', 3), batch('a-2')]);

    expect(offsetsOf(result)).toEqual({ 'a-0': 9n, 'a-1': 70n, 'a-2': 9n });
    expect(result).toMatchObject({ failures: new Map(), spentBy: undefined });
    expect(
      cluster.produced
        .map(({ broker, partitions }) => [broker, partitions.map(({ partition }) => partition)])
        .toSorted(),
    ).toEqual([
      [0, ['a-0', 'a-2']],
      [1, ['a-1']],
    ]);
    // Shorter than the client's timeout: a broker with slow replicas still answers for each partition.
    expect(cluster.waits).toEqual([225, 225]);
  });

  it('never uses a sequence number twice, whatever the answer', async () => {
    cluster.answer = ({ firstSequence }) => (firstSequence === 2 ? { code: 6 } : { offset: 0n });
    const session = await open();

    for (const records of [2, 3, 1]) await session.send([batch('a-0', records), batch('a-2')]);

    const sequences = cluster.produced.map(({ partitions }) => partitions.map(({ firstSequence }) => firstSequence));
    expect(sequences).toEqual([
      [0, 0],
      [2, 1],
      [5, 2],
    ]);
    expect(new Set(cluster.produced.flatMap(({ partitions }) => partitions.map((each) => each.producerId)))).toEqual(
      new Set([1n]),
    );
  });

  it('proves nothing for a partition that the answer does not name, and spends the session', async () => {
    cluster.answer = ({ partition }) => (partition === 'a-0' ? { offset: 4n } : undefined);
    const session = await open();

    const result = await session.send([batch('a-0'), batch('a-2')]);

    expect(offsetsOf(result)).toEqual({ 'a-0': 4n });
    expect(result.spentBy).toMatchObject({ name: 'KafkaAnswerIncomplete', partitions: ['a-2'] });
    expect(failuresOf(result)).toEqual({ 'a-2': { error: result.spentBy, isOwn: false, leader: 0 } });
  });

  it('proves nothing for a partition without an offset', async () => {
    cluster.answer = () => ({ offset: -1n });

    const result = await (await open()).send([batch('a-0')]);

    expect([...result.offsets]).toEqual([]);
    expect(result.spentBy).toMatchObject({ name: 'KafkaAnswerIncomplete' });
  });

  it('ends the session for a refused partition only', async () => {
    cluster.answer = ({ partition }) =>
      partition === 'a-0' ? { code: 10, message: 'larger than 1000' } : { offset: 0n };
    const session = await open();

    const result = await session.send([batch('a-0'), batch('a-2')]);

    expect(result.spentBy).toBeUndefined();
    expect(failuresOf(result)).toMatchObject({
      'a-0': { isOwn: true, leader: 0, error: { type: 'MESSAGE_TOO_LARGE', message: 'larger than 1000' } },
    });
    expect(session.failureOf(batch('a-0'))).toMatchObject({ error: { type: 'MESSAGE_TOO_LARGE' } });
    expect(session.failureOf(batch('a-2'))).toBeUndefined();
  });

  it('is not made for a partition that the topic does not have', async () => {
    const result = await (await open()).send([batch('a-3'), batch('a-0')]);

    expect(offsetsOf(result)).toEqual({ 'a-0': 0n });
    expect(failuresOf(result)).toMatchObject({
      'a-3': { isOwn: true, error: { type: 'UNKNOWN_TOPIC_OR_PARTITION' } },
    });
    expect(cluster.produced.flatMap(({ partitions }) => partitions.map(({ partition }) => partition))).toEqual(['a-0']);
  });

  it('is not made for a partition without a leader, until it has one', async () => {
    cluster.topics.set('a', [{ leader: -1 }, { leader: 1 }]);
    const session = await open();

    const result = await session.send([batch('a-0'), batch('a-1')]);

    expect(failuresOf(result)).toMatchObject({ 'a-0': { isOwn: true, error: { type: 'LEADER_NOT_AVAILABLE' } } });
    expect(offsetsOf(result)).toEqual({ 'a-1': 0n });
    expect([result.spentBy, session.failureOf(batch('a-0'))]).toEqual([undefined, undefined]);
    cluster.topics.set('a', [{ leader: 0 }, { leader: 1 }]);
    expect(offsetsOf(await session.send([batch('a-0')]))).toEqual({ 'a-0': 1n });
  });

  it('is not made for a refused topic, which does not hide the others', async () => {
    cluster.topics.set('secret', 29);

    const result = await (await open()).send([batch('gone-0'), batch('a-0'), batch('secret-0')]);

    expect(offsetsOf(result)).toEqual({ 'a-0': 0n });
    expect(failuresOf(result)).toMatchObject({
      'gone-0': { isOwn: false, error: { type: 'UNKNOWN_TOPIC_OR_PARTITION' } },
      'secret-0': { isOwn: false, error: { type: 'TOPIC_AUTHORIZATION_FAILED' } },
    });
    expect(result.spentBy).toBeUndefined();
    expect(cluster.metadataRequests).toEqual([['gone', 'a', 'secret']]);
  });

  it('fails in time at a broker that does not answer, and spends the session', async () => {
    cluster.silent.add('produce');
    const session = await open();

    const result = await session.send([batch('a-0')]);

    expect(result.spentBy).toMatchObject({
      name: 'KafkaCallFailed',
      message: `Kafka's send failed at broker ${cluster.brokers[0]}: Request timed out`,
    });
    expect(failuresOf(result)).toEqual({ 'a-0': { error: result.spentBy, isOwn: false, leader: 0 } });
    expect(session.failureOf(batch('a-0'))).toBeDefined();
  });

  it('fails in less time if it has less', async () => {
    cluster.silent.add('produce');
    const session = await open();

    const result = await session.send([batch('a-0')], 0.2);

    expect(result.spentBy).toMatchObject({ name: 'KafkaDeadlineExceeded' });
  });

  it('fails if the brokers do not answer for the metadata', async () => {
    const session = await open();
    cluster.silent.add('metadata');

    const result = await session.send([batch('a-0')]);

    expect(result.spentBy).toMatchObject({ name: 'KafkaCallFailed' });
    expect(cluster.produced).toEqual([]);
  });

  it('goes over a new connection if the broker closed the last one', async () => {
    const session = await open();
    await session.send([batch('a-0')]);
    cluster.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(offsetsOf(await session.send([batch('a-0')]))).toEqual({ 'a-0': 1n });
  });

  it('shares a metadata request with sends at the same time', async () => {
    const session = await open();

    await Promise.all(['a-0', 'a-1', 'a-2'].map((name) => session.send([batch(name)])));

    expect(cluster.metadataRequests).toEqual([['a']]);
    expect(cluster.produced).toHaveLength(3);
  });
});

describe('metadata', () => {
  it('are used for four minutes', async () => {
    const session = await open();
    await session.send([batch('a-0')]);
    expect(session.knownPartitions('a')).toBe(3);
    clock.ms = FOUR_MINUTES - 1;
    await session.send([batch('a-0')]);
    expect(cluster.metadataRequests).toHaveLength(1);

    clock.ms = FOUR_MINUTES;
    expect(session.knownPartitions('a')).toBeUndefined();
    await session.send([batch('a-0')]);

    expect(cluster.metadataRequests).toHaveLength(2);
  });

  it('are requested for each lookup', async () => {
    const session = await open();

    for (let nth = 0; nth < 2; nth++) {
      expect(await session.lookUp('a')).toMatchObject([
        { partitionId: 0, leader: 0, replicas: [0, 1], isr: [0, 1] },
        { partitionId: 1, leader: 1 },
        { partitionId: 2, leader: 0 },
      ]);
    }
    expect(cluster.metadataRequests).toEqual([['a'], ['a']]);
  });

  it('of a refused topic are an error of the protocol', async () => {
    const session = await open();
    const failure = await session.lookUp('gone').catch(classify);

    expect(failure).toMatchObject({ kind: 'poison', reason: 'unknown-topic' });
    expect(session.knownPartitions('gone')).toBeUndefined();
  });
});

describe('a session', () => {
  it('is opened when a broker that had no producer id left has one again', async () => {
    cluster.producerIdCode = 14;
    setTimeout(() => (cluster.producerIdCode = 0), 150);
    const session = await open();
    await session.discard();
  });

  it('is not opened if the broker refuses a producer id', async () => {
    cluster.producerIdCode = 31;

    await expect(open()).rejects.toMatchObject({ name: 'BrokerRefusal', type: 'CLUSTER_AUTHORIZATION_FAILED' });
    await untilClosed();
  });

  it('is not opened if the broker does not answer', async () => {
    cluster.silent.add('init');

    await expect(open()).rejects.toMatchObject({ name: 'KafkaCallFailed' });
    await untilClosed();
  });

  it('is not opened if nothing listens, and the error names the broker and the reason', async () => {
    await expect(open('127.0.0.1:1')).rejects.toMatchObject({
      name: 'KafkaCallFailed',
      broker: '127.0.0.1:1',
      message: expect.stringMatching(/^Kafka's connect failed at broker 127\.0\.0\.1:1: .*ECONNREFUSED/) as string,
    });
  });

  it('is not opened at a port that is none', async () => {
    await expect(open('127.0.0.1:99999')).rejects.toMatchObject({ name: 'KafkaCallFailed' });
  });

  it('is idle since the last answer', async () => {
    const session = await open();
    clock.ms = 5;
    await session.send([batch('a-0')]);
    clock.ms = 12;

    expect(session.idleMs()).toBe(7);
    expect(session.isExpiring()).toBe(false);
  });

  it('ends its connections, and the requests in flight', async () => {
    const session = await open();
    await session.lookUp('a');
    cluster.silent.add('produce');
    const sending = session.send([batch('a-0'), batch('a-1')]);
    await new Promise((resolve) => setTimeout(resolve, 50));

    await session.discard();

    expect((await sending).spentBy).toMatchObject({ name: 'KafkaCallFailed' });
    await untilClosed();
    expect(await session.send([batch('a-0')])).toMatchObject({ spentBy: { name: 'KafkaCallFailed' } });
    expect(cluster.connections).toBe(2);
  });
});

/** The sockets of the brokers notice it a moment later. */
async function untilClosed(): Promise<void> {
  while (cluster.openConnections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}
