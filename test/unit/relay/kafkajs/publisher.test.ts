import { setImmediate as turn } from 'node:timers/promises';
import { CompressionTypes } from 'kafkajs';
import type { Message } from '../../../../lib/event/message';
import { createKafkaPublisher, type KafkaPublisherOptions } from '../../../../lib/relay/kafkajs/publisher';
import { batch, FakeKafka, forever, message, protocolError } from './fake';

const BROKERS = ['one:9092', 'two:9092', 'three:9092'];

function publisherOn(kafka: FakeKafka, options: Partial<KafkaPublisherOptions> = {}) {
  const rebuilds: unknown[] = [];
  const sleeps: number[] = [];
  const clock = { ms: 0, now: () => clock.ms };
  const publisher = createKafkaPublisher({
    connect: kafka.connect,
    brokers: BROKERS,
    compression: 'none',
    requestTimeoutMs: 1_000,
    clock,
    onRebuilt: (cause) => rebuilds.push(cause),
    sleep: (ms) => {
      sleeps.push(ms);
      return Promise.resolve();
    },
    ...options,
  });
  return { publisher, rebuilds, sleeps, clock };
}

const acked = (baseOffset: bigint) => ({ kind: 'acked', baseOffset });
const outage = expect.objectContaining({ kind: 'outage' }) as unknown;
const poison = (reason: string) => expect.objectContaining({ kind: 'poison', reason }) as unknown;

describe('a healthy cluster', () => {
  it('gets everything in one send and every batch its own offset', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka);

    await publisher.publish([batch('a-1')]);
    const outcomes = await publisher.publish([batch('b-0'), batch('a-0'), batch('a-1')]);

    expect(outcomes).toEqual([acked(0n), acked(0n), acked(1n)]);
    expect(kafka.sends.map(({ partitions }) => partitions)).toEqual([['a-1'], ['b-0', 'a-0', 'a-1']]);
  });

  it('gets acks=all from one idempotent producer with one request in flight that creates no topics', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka);

    await publisher.publish([batch('a-0')]);
    await publisher.publish([batch('a-0')]);

    expect(kafka.connects).toHaveLength(1);
    expect(kafka.configs).toEqual([
      expect.objectContaining({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false }),
    ]);
    // Shorter than the client's timeout: a broker with slow replicas still answers for each partition.
    expect(kafka.requests[0]).toMatchObject({ acks: -1, timeout: 750 });
  });

  it.each([
    ['zstd', CompressionTypes.ZSTD],
    ['gzip', CompressionTypes.GZIP],
    ['none', CompressionTypes.None],
  ] as const)('gets batches with compression %s', async (compression, type) => {
    const kafka = new FakeKafka();

    await publisherOn(kafka, { compression }).publisher.publish([batch('a-0')]);

    expect(kafka.requests[0]?.compression).toBe(type);
  });

  it('gets no request if there is nothing to publish', async () => {
    const kafka = new FakeKafka();

    expect(await publisherOn(kafka).publisher.publish([])).toEqual([]);
    expect(kafka.connects).toEqual([]);
  });

  it('gets one send at a time, because two on one producer would share sequence numbers', async () => {
    const kafka = new FakeKafka();
    const first = Promise.withResolvers<readonly string[]>();
    kafka.onSend = ({ partitions }, nth) => (nth === 1 ? first.promise : partitions);
    const { publisher } = publisherOn(kafka);

    const both = [publisher.publish([batch('a-0')]), publisher.publish([batch('a-1')])];
    await turn();
    expect(kafka.sends).toHaveLength(1);
    first.resolve(['a-0']);

    expect(await Promise.all(both)).toEqual([[acked(0n)], [acked(0n)]]);
  });
});

describe('a send that resolves without writing everything', () => {
  it('is completed by a new producer, one send for each partition', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = ({ partitions }, nth) => (nth === 1 ? ['a-1'] : partitions);
    const { publisher, rebuilds } = publisherOn(kafka);

    const outcomes = await publisher.publish([batch('a-0'), batch('a-1'), batch('b-2')]);

    expect(outcomes).toEqual([acked(0n), acked(0n), acked(0n)]);
    expect(kafka.sends).toEqual([
      { producer: 1, partitions: ['a-0', 'a-1', 'b-2'] },
      { producer: 2, partitions: ['a-0'] },
      { producer: 2, partitions: ['b-2'] },
    ]);
    expect(rebuilds).toEqual([expect.objectContaining({ name: 'KafkaAnswerIncomplete', partitions: ['a-0', 'b-2'] })]);
    expect(kafka.disconnects).toEqual([1]);
  });

  it('is an outage for a batch that the second send did not write either', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = ({ partitions }) => partitions.filter((name) => name !== 'a-0');
    const { publisher, rebuilds } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0'), batch('a-1')])).toEqual([outage, acked(0n)]);
    expect(rebuilds).toHaveLength(2);
  });

  it('is what kafkajs does to a partition that the topic does not have', async () => {
    const kafka = new FakeKafka({ a: 1 });

    expect(await publisherOn(kafka).publisher.publish([batch('a-0'), batch('a-1')])).toEqual([acked(0n), outage]);
  });
});

describe('a send that fails', () => {
  it('is repeated in parts by a new producer, and each part gets its own outcome', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = ({ partitions }, nth) => {
      if (nth === 1) throw new Error('socket closed');
      if (partitions.includes('a-1')) throw protocolError('MESSAGE_TOO_LARGE');
      if (partitions.includes('a-2')) throw protocolError('NOT_ENOUGH_REPLICAS');
      return partitions;
    };
    const { publisher, rebuilds } = publisherOn(kafka);

    const outcomes = await publisher.publish([batch('a-0'), batch('a-1'), batch('a-2'), batch('b-0')]);

    expect(outcomes).toEqual([acked(0n), poison('message-too-large'), outage, acked(0n)]);
    expect(kafka.sends.map(({ producer }) => producer)).toEqual([1, 2, 2, 2, 2]);
    expect(rebuilds).toEqual([
      expect.objectContaining({ message: 'socket closed' }),
      protocolError('MESSAGE_TOO_LARGE'),
    ]);
  });

  it('is repeated once and no more, and its producers are never used again', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = ({ partitions }, nth) => {
      if (nth <= 2) throw protocolError('REQUEST_TIMED_OUT');
      return partitions;
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0')])).toEqual([outage]);
    expect(await publisher.publish([batch('a-0')])).toEqual([acked(0n)]);
    expect(kafka.sends.map(({ producer }) => producer)).toEqual([1, 2, 3]);
    expect(kafka.disconnects).toEqual([1, 2]);
  });

  it('is not repeated if its only batch was refused for its content', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = () => {
      throw protocolError('INVALID_RECORD');
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0')])).toEqual([poison('message-refused')]);
    expect(kafka.sends).toHaveLength(1);
    expect(kafka.disconnects).toEqual([1]);
  });

  it('fails in time if it does not end, and connections that it opens later are closed', async () => {
    const kafka = new FakeKafka();
    const stuck = Promise.withResolvers<never>();
    kafka.onSend = ({ partitions }, nth) => (nth === 1 ? stuck.promise : partitions);
    const { publisher, rebuilds } = publisherOn(kafka, { requestTimeoutMs: 10 });

    expect(await publisher.publish([batch('a-0')])).toEqual([acked(0n)]);
    expect(rebuilds).toEqual([expect.objectContaining({ name: 'KafkaDeadlineExceeded', call: 'send' })]);
    expect(kafka.disconnects).toEqual([1]);
    stuck.reject(new Error('too late'));
    await turn();
    expect(kafka.disconnects).toEqual([1, 1]);
  });
});

describe('a partition that a broker refuses alone', () => {
  const NAMES = ['a-0', 'a-1', 'b-0'];
  const publishAll = async (kafka: FakeKafka, times: number) => {
    const made = publisherOn(kafka);
    for (const topic of ['a', 'b']) await made.publisher.partitionCount(topic);
    const rounds = [];
    for (let round = 0; round < times; round++) {
      rounds.push(await made.publisher.publish(NAMES.map((name) => batch(name))));
      made.clock.ms += 1_000;
    }
    return { ...made, rounds };
  };

  it.each(['NOT_ENOUGH_REPLICAS', 'NOT_LEADER_FOR_PARTITION', 'OUT_OF_ORDER_SEQUENCE_NUMBER'])(
    'for %s causes no second copy of the others and keeps their producer',
    async (refusal) => {
      const kafka = new FakeKafka();
      kafka.refusals.set('a-1', refusal);

      const { rounds, rebuilds } = await publishAll(kafka, 3);

      expect(rounds).toEqual([0n, 1n, 2n].map((offset) => [acked(offset), outage, acked(offset)]));
      expect(kafka.sends).toEqual([
        { producer: 1, partitions: NAMES },
        // First one retry alone, then always alone, each time with a producer that is then discarded.
        { producer: 2, partitions: ['a-1'] },
        { producer: 1, partitions: ['a-0', 'b-0'] },
        { producer: 3, partitions: ['a-1'] },
        { producer: 1, partitions: ['a-0', 'b-0'] },
        { producer: 4, partitions: ['a-1'] },
      ]);
      expect(rebuilds).toEqual([]);
      await turn();
      expect(kafka.disconnects).toEqual([2, 3, 4]);
    },
  );

  it.each(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'])(
    'gets no further copy for ten, then twenty, then forty seconds after %s: its leader has written one',
    async (refusal) => {
      const kafka = new FakeKafka();
      kafka.refusals.set('a-1', refusal);

      const { publisher, clock } = await publishAll(kafka, 120);

      const attempts = kafka.sends.filter(({ partitions }) => partitions.includes('a-1'));
      expect(attempts).toHaveLength(5);
      // A batch for this partition alone is not sent either.
      expect(await publisher.publish([batch('a-1')])).toEqual([outage]);
      expect(kafka.sends.filter(({ partitions }) => partitions.includes('a-1'))).toHaveLength(5);
      kafka.refusals.delete('a-1');
      clock.ms += 40_000;
      expect(await publisher.publish([batch('a-1')])).toEqual([acked(0n)]);
      expect(await publisher.publish([batch('a-1')])).toEqual([acked(1n)]);
    },
  );

  it('is named in its outage, with the broker that leads it', async () => {
    const kafka = new FakeKafka();
    kafka.refusals.set('a-1', 'NOT_ENOUGH_REPLICAS');
    kafka.leaders.set('a-1', 3);

    const { rounds } = await publishAll(kafka, 1);

    expect(rounds[0]?.[1]).toMatchObject({
      kind: 'outage',
      topic: 'a',
      partition: 1,
      message: expect.stringMatching(/^a-1: NOT_ENOUGH_REPLICAS: .* The leader is broker 3\.$/) as string,
    });
  });

  it('is sent with the others again after it was written, over the producer that wrote it', async () => {
    const kafka = new FakeKafka();
    kafka.refusals.set('a-1', 'NOT_ENOUGH_REPLICAS');
    const { publisher, rebuilds } = await publishAll(kafka, 2);
    kafka.refusals.clear();
    kafka.sends.length = 0;

    await publisher.publish(NAMES.map((name) => batch(name)));
    await publisher.publish(NAMES.map((name) => batch(name)));

    expect(kafka.sends).toEqual([
      { producer: 1, partitions: ['a-0', 'b-0'] },
      { producer: 4, partitions: ['a-1'] },
      { producer: 4, partitions: NAMES },
    ]);
    // The sequence numbers of producer 1 are unknown for the partition that failed.
    expect(rebuilds).toEqual([protocolError('NOT_ENOUGH_REPLICAS')]);
  });

  it('is not sent again if it was refused for its content', async () => {
    const kafka = new FakeKafka();
    kafka.refusals.set('a-1', 'MESSAGE_TOO_LARGE');

    const { rounds } = await publishAll(kafka, 1);

    expect(rounds).toEqual([[acked(0n), poison('message-too-large'), acked(0n)]]);
    expect(kafka.sends).toEqual([{ producer: 1, partitions: NAMES }]);
  });

  it('gets a new producer for the batches after such a refusal', async () => {
    const kafka = new FakeKafka();
    kafka.refusals.set('a-1', 'MESSAGE_TOO_LARGE');
    const { publisher } = await publishAll(kafka, 1);
    kafka.refusals.clear();

    expect(await publisher.publish([batch('a-0')])).toEqual([acked(1n)]);
    expect(await publisher.publish([batch('a-1')])).toEqual([acked(0n)]);
    expect(kafka.sends.map(({ producer }) => producer)).toEqual([1, 1, 2]);
  });

  it('is poison when its topic is not authorized, at no cost to the producer of the others', async () => {
    const kafka = new FakeKafka();
    kafka.refusals.set('b-0', 'TOPIC_AUTHORIZATION_FAILED');

    const { rounds, rebuilds } = await publishAll(kafka, 1);

    expect(rounds).toEqual([[acked(0n), acked(0n), poison('topic-not-authorized')]]);
    expect(rebuilds).toEqual([]);
  });

  it('shares one producer and one time limit with all others of its kind', async () => {
    const kafka = new FakeKafka({ a: 30 });
    const names = Array.from({ length: 30 }, (_, partition) => `a-${partition}`);
    for (const name of names.slice(1)) kafka.refusals.set(name, 'NOT_ENOUGH_REPLICAS');
    const { publisher, rebuilds } = publisherOn(kafka);

    for (const round of [1, 2]) {
      const outcomes = await publisher.publish(names.map((name) => batch(name)));
      expect(outcomes.filter(({ kind }) => kind === 'acked')).toHaveLength(1);
      expect(new Set(kafka.sends.map(({ producer }) => producer)).size).toBe(1 + round);
    }
    expect(rebuilds).toEqual([]);
  });
});

describe('a partition without a leader', () => {
  it('is counted, and does not hide the others', async () => {
    const kafka = new FakeKafka({ a: 3, b: 1 });
    kafka.leaderless.add('a-1');
    const { publisher, rebuilds } = publisherOn(kafka);

    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 3 });
    const outcomes = await publisher.publish([batch('a-0'), batch('a-1'), batch('a-2'), batch('b-0')]);

    expect(outcomes).toEqual([acked(0n), outage, acked(0n), acked(0n)]);
    expect(outcomes[1]).toMatchObject({
      topic: 'a',
      partition: 1,
      message: 'a-1: LEADER_NOT_AVAILABLE: Partition a-1 has no leader.',
    });
    expect(kafka.sends).toEqual([{ producer: 1, partitions: ['a-0', 'a-2', 'b-0'] }]);
    expect(rebuilds).toEqual([]);
    kafka.leaderless.clear();
    expect(await publisher.publish([batch('a-0'), batch('a-1')])).toEqual([acked(1n), acked(0n)]);
  });

  it('costs no producer if it had a leader before', async () => {
    const kafka = new FakeKafka({ a: 2 });
    const { publisher, rebuilds } = publisherOn(kafka);
    await publisher.publish([batch('a-0'), batch('a-1')]);
    kafka.leaderless.add('a-1');

    expect(await publisher.publish([batch('a-0'), batch('a-1')])).toEqual([acked(1n), outage]);
    expect(await publisher.publish([batch('a-0'), batch('a-1')])).toEqual([acked(2n), outage]);
    expect(rebuilds).toEqual([]);
  });
});

describe('a broker that does not respond', () => {
  const stalled = () => {
    const kafka = new FakeKafka({ a: 3 });
    for (const partition of [0, 1, 2]) kafka.leaders.set(`a-${partition}`, partition + 1);
    kafka.onSend = ({ partitions }) => (partitions.includes('a-2') ? forever() : partitions);
    return kafka;
  };
  const all = () => [batch('a-0'), batch('a-1'), batch('a-2')];

  it('causes no second copy of batches that other brokers acknowledged', async () => {
    const kafka = stalled();
    const { publisher, rebuilds } = publisherOn(kafka, { requestTimeoutMs: 10 });

    for (const offset of [0n, 1n, 2n]) {
      expect(await publisher.publish(all())).toEqual([acked(offset), acked(offset), outage]);
    }
    // The first send, and the retry of its part.
    expect(rebuilds).toHaveLength(2);
    expect(await publisher.publish([batch('a-0')])).toEqual([acked(3n)]);
  });

  it('takes at most half of the time in which the others are written', async () => {
    const kafka = stalled();
    let tookMs = 0;
    const { publisher, clock } = publisherOn(kafka, { requestTimeoutMs: 10 });
    kafka.onSend = ({ partitions }) => {
      if (!partitions.includes('a-2')) return partitions;
      clock.ms += tookMs;
      throw new Error('socket closed');
    };
    await publisher.publish(all());
    tookMs = 5_000;
    await publisher.publish(all());
    const attempts = () => kafka.sends.filter(({ partitions }) => partitions.includes('a-2')).length;
    const before = attempts();

    clock.ms += 4_999;
    expect(await publisher.publish(all())).toEqual([acked(2n), acked(2n), outage]);
    expect(attempts()).toBe(before);
    // Sent alone, it delays no other partition.
    expect(await publisher.publish([batch('a-2')])).toEqual([outage]);
    expect(attempts()).toBe(before + 1);
    clock.ms += 5_000;
    expect(await publisher.publish(all())).toEqual([acked(3n), acked(3n), outage]);
    expect(attempts()).toBe(before + 2);
  });

  it('does not spend the producer of the others when they are published one by one', async () => {
    const kafka = stalled();
    const { publisher, rebuilds } = publisherOn(kafka, { requestTimeoutMs: 100 });
    await publisher.publish([batch('a-0')]);
    await publisher.publish([batch('a-2')]);
    const spent = rebuilds.length;

    for (const offset of [1n, 2n]) {
      expect(await publisher.publish([batch('a-0')])).toEqual([acked(offset)]);
      expect(await publisher.publish([batch('a-2')])).toEqual([outage]);
    }
    expect(rebuilds).toHaveLength(spent);
  });
});

describe('a connect that fails', () => {
  it('is followed by a new client that begins at the next broker', async () => {
    const kafka = new FakeKafka();
    kafka.onConnect = (broker) => {
      if (broker === 'one:9092') throw new Error('Broker not connected');
    };
    const { publisher, rebuilds } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0')])).toEqual([acked(0n)]);
    expect(kafka.connects).toEqual(['one:9092', 'two:9092']);
    expect(kafka.sends).toEqual([{ producer: 2, partitions: ['a-0'] }]);
    expect(kafka.disconnects).toEqual([1]);
    expect(rebuilds).toEqual([]);
  });

  it('is an outage once each broker was tried, and the next call tries again', async () => {
    const kafka = new FakeKafka();
    kafka.onConnect = (_, nth) => {
      if (nth <= 3) throw new Error('ECONNREFUSED');
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0'), batch('b-0')])).toEqual([outage, outage]);
    expect(kafka.connects).toEqual(BROKERS);
    expect(await publisher.publish([batch('a-0')])).toEqual([acked(0n)]);
  });

  it('fails in time if it does not end', async () => {
    const kafka = new FakeKafka();
    kafka.onConnect = (broker) => (broker === 'one:9092' ? forever() : undefined);

    const { publisher } = publisherOn(kafka, { requestTimeoutMs: 10 });

    expect(await publisher.publish([batch('a-0')])).toEqual([acked(0n)]);
    expect(kafka.connects).toEqual(['one:9092', 'two:9092']);
  });

  it('refuses no message, whatever the reason of the failure', async () => {
    const kafka = new FakeKafka();
    kafka.onConnect = () => {
      throw protocolError('TOPIC_AUTHORIZATION_FAILED');
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0')])).toEqual([outage]);
    expect(await publisher.partitionCount('a')).toEqual(outage);
  });

  it('includes a client that cannot be created, for example because a secret cannot be read', async () => {
    const connect = () => Promise.reject(new Error('AccessDenied'));
    const { publisher } = publisherOn(new FakeKafka(), { connect });

    expect(await publisher.publish([batch('a-0')])).toEqual([outage]);
  });

  it('is completed on the same client if another topic of the cluster has no leader', async () => {
    const kafka = new FakeKafka();
    kafka.onConnect = (_, nth) => {
      if (nth === 1) throw protocolError('LEADER_NOT_AVAILABLE');
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0')])).toEqual([acked(0n)]);
    expect(kafka.connects).toEqual(['one:9092', 'one:9092']);
    expect(kafka.sends).toEqual([{ producer: 1, partitions: ['a-0'] }]);
  });
});

describe('a producer that was idle', () => {
  it('is replaced before it is used again, which is no failure', async () => {
    const kafka = new FakeKafka();
    const { publisher, clock, rebuilds } = publisherOn(kafka, { idleRebuildMs: 240_000 });

    await publisher.publish([batch('a-0')]);
    clock.ms += 239_999;
    await publisher.publish([batch('a-0')]);
    clock.ms += 240_000;
    await publisher.publish([batch('a-0')]);

    expect(kafka.sends.map(({ producer }) => producer)).toEqual([1, 1, 2]);
    expect(kafka.disconnects).toEqual([1]);
    expect(rebuilds).toEqual([]);
  });
});

describe('a topic that was deleted', () => {
  it('does not fail the others for ever', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka);
    await publisher.publish([batch('a-0'), batch('b-0')]);
    kafka.topics.delete('b');

    expect(await publisher.publish([batch('a-0')])).toEqual([acked(1n)]);
    expect(await publisher.publish([batch('a-0'), batch('b-0'), batch('b-1')])).toEqual([
      acked(2n),
      poison('unknown-topic'),
      poison('unknown-topic'),
    ]);
    expect(await publisher.publish([batch('a-0')])).toEqual([acked(3n)]);
  });
});

describe('a topic that was deleted, as only the leader of its partition knows', () => {
  it('is unknown, although the kept producer remembers it', async () => {
    const kafka = new FakeKafka();
    const { publisher, rebuilds } = publisherOn(kafka);
    await publisher.publish([batch('a-0'), batch('b-0')]);
    kafka.refusals.set('b-0', 'UNKNOWN_TOPIC_OR_PARTITION');
    kafka.onConnect = () => void kafka.topics.delete('b');

    expect(await publisher.publish([batch('a-0'), batch('b-0')])).toEqual([acked(1n), poison('unknown-topic')]);
    expect(await publisher.publish([batch('a-0')])).toEqual([acked(2n)]);
    expect(rebuilds).toEqual([]);
    expect(await publisher.partitionCount('b')).toEqual(poison('unknown-topic'));
  });
});

describe('a topic that is refused', () => {
  it('is poison only after a producer that knows no other topic was refused, too', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = ({ partitions }) => {
      if (partitions.some((name) => name.startsWith('b-'))) throw protocolError('TOPIC_AUTHORIZATION_FAILED');
      return partitions;
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.publish([batch('a-0'), batch('b-0')])).toEqual([acked(0n), poison('topic-not-authorized')]);
    expect(kafka.sends).toEqual([
      { producer: 1, partitions: ['a-0', 'b-0'] },
      { producer: 2, partitions: ['a-0'] },
      { producer: 2, partitions: ['b-0'] },
      { producer: 3, partitions: ['b-0'] },
    ]);
  });

  it('is an outage if the brokers know it: only a leader does not know it yet', async () => {
    const kafka = new FakeKafka();
    kafka.onSend = () => {
      throw protocolError('UNKNOWN_TOPIC_OR_PARTITION');
    };

    expect(await publisherOn(kafka).publisher.publish([batch('a-0'), batch('b-0')])).toEqual([outage, outage]);
  });
});

describe('a message that cannot be encoded', () => {
  it('is refused without being sent, and the others are sent', async () => {
    const kafka = new FakeKafka();
    const odd = { ...message('a', 'odd'), value: undefined } as unknown as Message;
    const { publisher } = publisherOn(kafka);

    const outcomes = await publisher.publish([
      { topic: 'a', partition: 0, messages: [message('a', '1'), odd] },
      batch('a-1'),
    ]);

    expect(outcomes).toEqual([poison('message-refused'), acked(0n)]);
    expect(kafka.sends).toEqual([{ producer: 1, partitions: ['a-1'] }]);
  });
});

describe('the number of partitions', () => {
  it('is read over the producer, without a write, and remembered', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka);

    const counts = [await publisher.partitionCount('a'), await publisher.partitionCount('a')];

    expect(counts).toEqual(Array(2).fill({ kind: 'topic', partitions: 4 }));
    expect(kafka.lookups).toBe(1);
    expect(kafka.connects).toHaveLength(1);
    expect(kafka.sends).toEqual([]);
  });

  it('is learned from every send', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka);
    await publisher.partitionCount('a');
    kafka.topics.set('a', 6);
    await publisher.publish([batch('a-0')]);

    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 6 });
    expect(kafka.lookups).toBe(1);
  });

  it('is read again after some minutes, and after a rebuild', async () => {
    const kafka = new FakeKafka();
    const { publisher, clock } = publisherOn(kafka, { idleRebuildMs: Infinity });
    await publisher.partitionCount('a');
    kafka.topics.set('a', 6);
    clock.ms += 5 * 60_000;
    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 6 });

    kafka.onSend = () => {
      throw new Error('socket closed');
    };
    await publisher.publish([batch('a-0')]);
    kafka.topics.set('a', 8);
    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 8 });
  });

  it('is requested again for a moment if the topic is new', async () => {
    const kafka = new FakeKafka({});
    kafka.onLookup = (nth) => {
      if (nth === 2) kafka.topics.set('a', 3);
    };
    const { publisher, sleeps } = publisherOn(kafka);

    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 3 });
    expect(sleeps).toEqual([400]);
  });

  it('is refused for a topic that stays unknown, at no cost to the producer', async () => {
    const kafka = new FakeKafka();
    const { publisher, sleeps, rebuilds } = publisherOn(kafka);

    expect(await publisher.partitionCount('typo')).toEqual(poison('unknown-topic'));
    expect(sleeps).toEqual([400, 400, 400]);
    expect(rebuilds).toEqual([]);
    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 4 });
  });

  it('is found although another topic of the producer was deleted', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka);
    await publisher.partitionCount('b');
    kafka.topics.delete('b');

    expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 4 });
    expect(await publisher.partitionCount('b')).toEqual(poison('unknown-topic'));
  });

  it('is requested from a second producer if the first one fails, and from no third', async () => {
    const kafka = new FakeKafka();
    kafka.onLookup = () => {
      throw new Error('socket closed');
    };
    const { publisher } = publisherOn(kafka);

    expect(await publisher.partitionCount('a')).toEqual(outage);
    expect(kafka.connects).toHaveLength(2);
  });
});

describe('whether other partitions are in sync', () => {
  it('is requested from the brokers each time, and not over the connections that publish', async () => {
    const kafka = new FakeKafka({ a: 2 });
    const { publisher, rebuilds } = publisherOn(kafka);
    await publisher.publish([batch('a-0')]);

    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(true);
    kafka.behind.add('a-1');
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
    kafka.behind.delete('a-1');
    kafka.leaderless.add('a-1');
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
    expect(await publisher.otherPartitionsInSync('a', 1)).toBe(true);
    await publisher.publish([batch('a-0')]);

    expect(kafka.sends.map(({ producer }) => producer)).toEqual([1, 1]);
    expect(rebuilds).toEqual([]);
    await turn();
    expect(kafka.disconnects).toEqual([2, 3, 4, 5]);
  });

  it('is seen from other topics that were used, but not from one that was deleted', async () => {
    const kafka = new FakeKafka({ a: 1, b: 1, c: 1 });
    const { publisher } = publisherOn(kafka);
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
    for (const topic of ['a', 'b', 'c', 'typo']) await publisher.partitionCount(topic);
    kafka.topics.delete('b');

    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(true);
    kafka.behind.add('c-0');
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
  });

  it('is seen from the topics of the outbox before any was used', async () => {
    const kafka = new FakeKafka({ a: 1, c: 1 });
    const { publisher } = publisherOn(kafka, { topics: ['a', 'not-made-yet', 'c'] });
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(true);
    kafka.behind.add('c-0');
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
  });

  it('is false while the brokers do not respond', async () => {
    const kafka = new FakeKafka();
    const { publisher } = publisherOn(kafka, { requestTimeoutMs: 10 });
    kafka.onLookup = forever;
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
    kafka.onConnect = forever;
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
    kafka.onConnect = () => {
      throw new Error('ECONNREFUSED');
    };
    expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
  });
});

it('closes its connections', async () => {
  const kafka = new FakeKafka();
  const { publisher } = publisherOn(kafka);
  await publisher.publish([batch('a-0')]);

  await publisher.close();

  expect(kafka.disconnects).toEqual([1]);
});
