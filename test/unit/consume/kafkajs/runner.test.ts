import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaMessage } from 'kafkajs';
import { MissingTopics } from '../../../../lib/consume/kafkajs/runner';
import { SILENT } from '../../../../lib/consume/telemetry';
import { bytesOf, type ConsumedRecord } from '../../../../lib/consume/record';
import { OutboxError } from '../../../../lib/event/errors';
import { runConsumer, type ConsumerOptions, type ConsumerRunOptions } from '../../../../lib/consumer';
import { aRecord, aRig, type Definitions, type Rig } from '../../../builders/consume';
import { FakeKafkaConsumer } from '../../../builders/fake-kafka-consumer';

const message = (offset: number, key: string, version: number): KafkaMessage => {
  const { headers, value } = aRecord({ key, version });
  return { offset: String(offset), key: Buffer.from(key), value, headers, timestamp: '0' } as KafkaMessage;
};

/** A handler that ends when the test releases it. */
class Held {
  readonly #waiting = new Map<string, () => void>();
  readonly started: string[] = [];

  readonly handlers: ConsumerOptions<Definitions>['handlers'] = {
    'order.placed': async (_, { key, version }) => {
      const name = `${key}.${version ?? ''}`;
      this.started.push(name);
      if (key.startsWith('held')) await new Promise<void>((resolve) => this.#waiting.set(name, resolve));
      return [{ Put: { TableName: 'effects', Item: { id: name } } }];
    },
  };

  release(name: string): void {
    this.#waiting.get(name)?.();
  }
}

/** Many short waits: after the machine stalled, one long timer would be due together with those it waits for. */
async function settle(): Promise<void> {
  for (let wait = 0; wait < 10; wait++) await sleep(3);
}

/** Everything that a test leaves running. */
const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.stop()));
});

async function start(
  options: Partial<ConsumerRunOptions> = {},
  consumer: Partial<ConsumerOptions<Definitions>> = {},
  {
    fake = new FakeKafkaConsumer(),
    admin,
    assigned = [0, 1],
  }: { fake?: FakeKafkaConsumer; admin?: () => unknown; assigned?: number[] } = {},
) {
  const held = new Held();
  const rig: Rig = aRig({ handlers: held.handlers, ...consumer });
  const kafka = { consumer: () => fake, producer: () => ({}), admin };
  const running = await runConsumer({
    consumer: rig.consumer,
    kafka: kafka as never,
    topics: ['orders'],
    commitIntervalMs: 5,
    drainTimeoutMs: 100,
    ...options,
  });
  started.push(running);
  fake.emit('group_join', { memberAssignment: { orders: assigned } });
  return { rig, fake, held, running };
}

it('commits up to the lowest unfinished message, while later ones of other keys are done', async () => {
  const { fake, held, rig } = await start();
  await fake.deliver([message(10, 'a', 1), message(11, 'held', 1), message(12, 'b', 1)]);
  await settle();

  expect(rig.client.effects()).toEqual(['a.1', 'b.1']);
  expect(fake.lastCommitted).toBe('11');

  held.release('held.1');
  await settle();
  expect(fake.lastCommitted).toBe('13');
});

it('commits where it has begun before the first message is finished: a group without offsets could begin elsewhere', async () => {
  const { fake, held } = await start({ fromBeginning: false });
  await fake.deliver([message(10, 'held', 1), message(11, 'a', 1)]);
  await settle();
  expect(fake.committed.map(({ offset }) => offset)).toEqual(['10']);

  held.release('held.1');
  await settle();
  expect(fake.committed.map(({ offset }) => offset)).toEqual(['10', '12']);
});

it('takes the next batch while a key is slow, keeps the order of the key, and pauses when too much waits', async () => {
  const { fake, held } = await start({ maxBuffered: 4 });
  await fake.deliver([message(1, 'held', 1), message(2, 'held', 2)]);
  await fake.deliver([message(3, 'a', 1), message(4, 'held', 3), message(5, 'held', 4)]);
  expect(fake.calls).toEqual(['pause 0']);
  await settle();
  expect(held.started).toEqual(['held.1', 'a.1']);

  held.release('held.1');
  await settle();
  held.release('held.2');
  await settle();
  expect(fake.calls).toEqual(['pause 0', 'resume 0']);
  held.release('held.3');
  await settle();
  held.release('held.4');
  await settle();
  expect(held.started.filter((name) => name.startsWith('held'))).toEqual(['held.1', 'held.2', 'held.3', 'held.4']);
});

describe('memory', () => {
  const sized = (offset: number, key: string, bytes: number): KafkaMessage => {
    const given = message(offset, key, 1);
    const rest = bytesOf({ ...given, value: null, headers: given.headers as ConsumedRecord['headers'] });
    return { ...given, value: Buffer.from('{"total":5}'.padEnd(bytes - rest)) };
  };

  it('takes as many messages of a batch as fit, and the rest when there is room again', async () => {
    const { fake, held, rig } = await start({ maxBufferedBytes: 2_500, maxTotalBufferedBytes: 100_000 });
    await fake.deliver([sized(1, 'held1', 1_000), sized(2, 'held2', 1_000), sized(3, 'held3', 1_000)]);
    await settle();
    expect(held.started).toEqual(['held1.1', 'held2.1']);
    expect(fake.resolved.get(0)).toBe('2');
    expect(fake.calls).toEqual(['pause 0']);

    held.release('held1.1');
    await settle();
    expect(fake.calls).toEqual(['pause 0', 'resume 0']);
    await fake.deliver([sized(3, 'held3', 1_000)]);
    held.release('held2.1');
    await settle();
    held.release('held3.1');
    await settle();
    expect(rig.client.effects()).toEqual(['held1.1', 'held2.1', 'held3.1']);
    expect(fake.lastCommitted).toBe('4');
  });

  it('takes a message that is larger than all bounds if its partition has no other one', async () => {
    const { fake, held } = await start({ maxBufferedBytes: 10, maxTotalBufferedBytes: 10 });
    await fake.deliver([sized(1, 'held1', 1_000), sized(2, 'held2', 1_000)]);
    await fake.deliver([sized(1, 'held3', 1_000), sized(2, 'held4', 1_000)], 1);
    await settle();
    expect(held.started).toEqual(['held1.1', 'held3.1']);
    expect(fake.calls).toEqual(['pause 0', 'pause 1']);

    held.release('held3.1');
    await settle();
    expect(fake.calls).toEqual(['pause 0', 'pause 1', 'resume 1']);
  });

  it('a partition that is blocked leaves another one its share of the process', async () => {
    const { fake, held } = await start({ maxBufferedBytes: 10_000, maxTotalBufferedBytes: 8_000 });
    await fake.deliver([1, 2, 3, 4, 5, 6, 7].map((offset) => sized(offset, `held${offset}`, 1_000)));
    await settle();
    // Half of the total, and its share of the other half.
    expect(fake.resolved.get(0)).toBe('6');
    await fake.deliver(
      [1, 2, 3].map((offset) => sized(offset, `held1${offset}`, 1_000)),
      1,
    );
    expect(fake.resolved.get(1)).toBe('2');
    await settle();

    held.release('held11.1');
    await settle();
    expect(fake.calls).toEqual(['pause 0', 'pause 1', 'resume 1']);
  });

  it('counts the messages of a lost assignment until their handlers have ended', async () => {
    const { fake, held } = await start({ maxBufferedBytes: 10_000, maxTotalBufferedBytes: 4_000 });
    await fake.deliver([1, 2, 3].map((offset) => sized(offset, `held${offset}`, 1_000)));
    await settle();
    fake.emit('group_join', { memberAssignment: { orders: [0, 1] } });
    await fake.deliver(
      [1, 2, 3].map((offset) => sized(offset, `held1${offset}`, 1_000)),
      1,
    );
    expect(fake.resolved.get(1)).toBe('1');

    for (const offset of [1, 2, 3]) held.release(`held${offset}.1`);
    await settle();
    held.release('held11.1');
    await settle();
    await fake.deliver(
      [2, 3, 4, 5].map((offset) => sized(offset, `held1${offset}`, 1_000)),
      1,
    );
    expect(fake.resolved.get(1)).toBe('4');
  });

  it('keeps no message as a part of the batch that it came in', async () => {
    const { fake, held } = await start();
    const batch = Buffer.from('held1');
    const given = message(1, 'x', 1);
    await fake.deliver([{ ...given, key: batch }]);
    batch.fill(0);
    await settle();
    expect(held.started).toEqual(['held1.1']);
  });

  it.each(['maxBufferedBytes', 'maxTotalBufferedBytes'] as const)('refuses a wrong %s', async (option) => {
    for (const value of [0, -1, NaN, 1.5, '5', null, 2 ** 41]) {
      await expect(start({ [option]: value as never })).rejects.toMatchObject({ code: 'invalid-option' });
    }
  });
});

it('retries a failed commit', async () => {
  const { fake, rig } = await start();
  fake.failCommit = true;
  await fake.deliver([message(1, 'a', 1)]);
  await settle();
  expect(rig.told.of('commitFailed').length).toBeGreaterThan(0);
  fake.failCommit = false;
  await settle();

  expect(fake.lastCommitted).toBe('2');
});

it('stops gracefully: finishes messages in progress, begins no other, commits and leaves', async () => {
  const { fake, held, running, rig } = await start();
  await fake.deliver([message(1, 'held', 1), message(2, 'held', 2)]);
  await settle();
  const stopping = running.stop();
  await fake.deliver([message(3, 'a', 1)]);
  held.release('held.1');
  await stopping;
  await running.done;

  expect(rig.client.effects()).toEqual(['held.1']);
  expect(fake.lastCommitted).toBe('2');
  expect(fake.calls.at(-1)).toBe('disconnect');
  await running.stop();
  expect(fake.calls.filter((call) => call === 'disconnect')).toHaveLength(1);
});

it('a rebalance that its heartbeat reports waits until messages in progress are committed', async () => {
  const { fake, held } = await start({ drainTimeoutMs: 5_000 });
  await fake.deliver([message(1, 'held', 1), message(2, 'held', 2)]);
  await settle();
  fake.heartbeat = () => Promise.reject(Object.assign(new Error('rebalancing'), { type: 'REBALANCE_IN_PROGRESS' }));
  const delivered = fake.deliver([message(3, 'a', 1)]);
  await settle();
  held.release('held.1');
  await delivered;

  expect(fake.lastCommitted).toBe('2');
  expect(held.started).toEqual(['held.1']);
});

it('after a rebalance goes back to its lowest unfinished message, if kafkajs delivers a batch from before', async () => {
  const { fake, held, rig } = await start();
  await fake.deliver([message(1, 'a', 1), message(2, 'held', 1), message(3, 'held', 2)]);
  await settle();
  fake.emit('rebalancing');
  fake.emit('group_join', { memberAssignment: { orders: [0] } });
  held.release('held.1');
  await settle();

  // Fetched before the rebalance: without the seek, the third message would be skipped.
  await fake.deliver([message(4, 'b', 1)]);
  expect(fake.calls).toEqual(['seek 0 2']);
  await settle();
  expect(rig.client.effects()).toEqual(['a.1', 'held.1']);

  await fake.deliver([message(2, 'held', 1), message(3, 'held', 2), message(4, 'b', 1)]);
  await settle();
  held.release('held.2');
  await settle();
  expect(rig.client.effects().toSorted()).toEqual(['a.1', 'b.1', 'held.1', 'held.2']);
  expect(fake.lastCommitted).toBe('5');
});

it('takes messages that are delivered again after a rebalance while their key is in progress, also several of a key together', async () => {
  const { fake, held, rig } = await start({}, { eventsOfKeyPerTransaction: 3 });
  await fake.deliver([message(1, 'held', 1)]);
  await settle();
  await fake.deliver([message(2, 'held', 2)]);
  fake.emit('rebalancing');
  fake.emit('group_join', { memberAssignment: { orders: [0] } });
  await fake.deliver([message(1, 'held', 1), message(2, 'held', 2), message(3, 'held', 3)]);
  for (const name of ['held.1', 'held.1', 'held.2', 'held.3']) {
    await settle();
    held.release(name);
  }
  await settle();

  expect(rig.client.effects()).toEqual(['held.1', 'held.2', 'held.3']);
  expect(fake.lastCommitted).toBe('4');
});

it('does not go back for partitions that went to others meanwhile', async () => {
  const { fake } = await start();
  await fake.deliver([message(1, 'held', 1)]);
  await settle();
  fake.emit('group_join', { memberAssignment: { orders: [1] } });
  fake.emit('group_join', { memberAssignment: { orders: [0, 1] } });

  await fake.deliver([message(9, 'b', 1)]);
  await settle();
  expect(fake.calls).toEqual([]);
  expect(fake.lastCommitted).toBe('10');
});

it('takes messages that come again within an assignment again, and commits nothing beyond them', async () => {
  const { fake, held, rig } = await start();
  await fake.deliver([message(1, 'held', 1), message(2, 'a', 1)]);
  await settle();
  await fake.deliver([message(1, 'held', 1), message(2, 'a', 1)]);
  await settle();
  expect(new Set(fake.committed.map(({ offset }) => offset))).toEqual(new Set(['1']));

  held.release('held.1');
  await settle();
  held.release('held.1');
  await settle();
  expect(rig.client.effects().toSorted()).toEqual(['a.1', 'held.1']);
  expect(fake.lastCommitted).toBe('3');
});

it('resumes a paused partition when a rebalance takes it, because kafkajs would keep it paused', async () => {
  const { fake } = await start({ maxBuffered: 1 });
  await fake.deliver([message(1, 'held', 1)]);
  await settle();
  fake.emit('rebalancing');

  expect(fake.calls).toEqual(['pause 0', 'resume 0']);
});

it('reports that kafkajs has given up permanently, and not that it begins again', async () => {
  const { fake, running } = await start();
  fake.emit('crash', { error: new Error('passing'), restart: true });
  fake.emit('crash', { error: new Error('no such group'), restart: false });

  await expect(running.done).rejects.toThrow('no such group');
});

describe('when kafkajs gives up because no broker names the coordinator', () => {
  const crash = (fake: FakeKafkaConsumer): void => {
    fake.hasBegun = false;
    const cause = Object.assign(new Error('not found'), { name: 'KafkaJSGroupCoordinatorNotFound' });
    fake.emit('crash', { error: new Error('Failed to find group coordinator', { cause }), restart: false });
  };
  const RESTART_MS = 1_000;
  let connects: number;
  let runs: number;
  let fake: FakeKafkaConsumer;
  beforeEach(() => {
    fake = new FakeKafkaConsumer();
    [connects, runs] = [0, 0];
    const { connect, run } = fake;
    fake.connect = () => {
      connects += 1;
      return connect();
    };
    fake.run = (options) => {
      runs += 1;
      return run(options);
    };
  });
  const untilRuns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < 500 && runs < count; turn++) await sleep(10);
    expect(runs).toBe(count);
  };

  it('connects and runs again, and applies what comes then', async () => {
    const { rig, running } = await start({}, {}, { fake });
    crash(fake);
    expect(rig.told.of('readFailed')).toHaveLength(1);
    await untilRuns(2);
    fake.hasBegun = true;
    fake.emit('group_join', { memberAssignment: { orders: [0, 1] } });
    await fake.deliver([message(1, 'a', 1)]);
    await settle();
    expect(rig.client.effects()).toEqual(['a.1']);
    await running.stop();
    await expect(running.done).resolves.toBeUndefined();
  });

  it('tries to connect until it can, and reports each failure', async () => {
    const { rig } = await start({}, {}, { fake });
    const { connect } = fake;
    let failures = 0;
    fake.connect = () => ((failures += 1) <= 2 ? Promise.reject(new Error('no broker responds')) : connect());
    crash(fake);
    await untilRuns(2);
    expect(rig.told.of('readFailed')).toHaveLength(3);
  });

  it('does not run again after it was stopped', async () => {
    const { running } = await start({}, {}, { fake });
    crash(fake);
    await running.stop();
    await sleep(RESTART_MS + 100);
    expect({ connects, runs }).toEqual({ connects: 1, runs: 1 });
    await expect(running.done).resolves.toBeUndefined();
  });

  it('stops while nobody answers, and disconnects again if somebody answers later', async () => {
    const { running } = await start({ drainTimeoutMs: 20 }, {}, { fake });
    const answer = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<undefined>();
    fake.connect = () => {
      asked.resolve(undefined);
      return answer.promise;
    };
    crash(fake);
    await asked.promise;
    await running.stop();
    const goodbyes = () => fake.calls.filter((call) => call === 'disconnect').length;
    expect(goodbyes()).toBe(1);
    answer.resolve(undefined);
    await settle();
    expect({ runs, goodbyes: goodbyes() }).toEqual({ runs: 1, goodbyes: 2 });
  });

  it('ends if it may not run again', async () => {
    const { running } = await start({}, {}, { fake });
    fake.run = () => Promise.reject(new Error('not allowed'));
    crash(fake);
    await expect(running.done).rejects.toThrow('not allowed');
  });
});

it('reports a batch that kafkajs cannot read with its partitions, and retries', async () => {
  const { fake, rig } = await start();
  fake.emit('group_join', { memberAssignment: { orders: [0, 3] } });
  const batch = new OutboxError('unreadable-batch', 'no', { codec: 'lz4', why: 'the data end too early' });
  fake.emit('crash', { error: new Error('retries exceeded', { cause: batch }), restart: true });

  expect(rig.told.of('readFailed')).toMatchObject([
    [
      {
        code: 'unreadable-batch',
        details: { codec: 'lz4', partitions: ['orders-0', 'orders-3'] },
        message: expect.stringMatching(/lz4 in orders-0 or orders-3 .*the data end too early.*outbox verify.*offset/),
      },
    ],
  ]);
});

it('reports every crash after which kafkajs begins again', async () => {
  const { fake, rig } = await start();
  const error = new Error('no leader');
  fake.emit('crash', { error, restart: true });
  expect(rig.told.of('readFailed')).toEqual([[error]]);
});

describe('stopped while kafkajs begins again after a crash', () => {
  const crash = (fake: FakeKafkaConsumer): void => fake.emit('crash', { error: new Error('passing'), restart: true });
  const goodbyes = ({ calls }: FakeKafkaConsumer): number => calls.filter((call) => call === 'disconnect').length;

  it('disconnects once it has joined: kafkajs loses track of a consumer that it stops before', async () => {
    const { fake, running } = await start({ drainTimeoutMs: 60_000 });
    crash(fake);
    const stopping = running.stop();
    await settle();
    expect(goodbyes(fake)).toBe(0);
    fake.emit('group_join', { memberAssignment: { orders: [0] } });
    // The consumer resumes work after this event, and can be stopped only then.
    await Promise.resolve();
    expect(goodbyes(fake)).toBe(0);
    await stopping;

    expect(goodbyes(fake)).toBe(1);
  });

  it('disconnects when it crashes again, and does not wait for ever', async () => {
    const { fake, running } = await start({ drainTimeoutMs: 60_000 });
    crash(fake);
    const stopping = running.stop();
    await settle();
    crash(fake);
    await stopping;
    expect(goodbyes(fake)).toBe(1);

    const second = await start({ drainTimeoutMs: 20 });
    crash(second.fake);
    await second.running.stop();
    expect(goodbyes(second.fake)).toBe(1);
  });

  it('disconnects at once while it only waits to begin', async () => {
    const { fake, running } = await start({ drainTimeoutMs: 60_000 });
    crash(fake);
    fake.hasBegun = false;
    await running.stop();
    expect(goodbyes(fake)).toBe(1);
  });

  it('disconnects again after a crash during the disconnect', async () => {
    const { fake, running } = await start();
    await running.stop();
    crash(fake);
    // kafkajs sets its timer after this event, so only a later disconnect clears the timer.
    expect(goodbyes(fake)).toBe(1);
    await settle();
    expect(goodbyes(fake)).toBe(2);
  });
});

it('a failed disconnect rejects stop and done, after everything was committed', async () => {
  const { fake, running } = await start();
  started.pop();
  await fake.deliver([message(1, 'a', 1)]);
  await settle();
  fake.failDisconnect = true;

  await expect(running.stop()).rejects.toThrow('cannot disconnect');
  await expect(running.done).rejects.toThrow('cannot disconnect');
  expect(fake.lastCommitted).toBe('2');
});

it('takes a message whose headers have no value, or the names that every object has', async () => {
  const { fake, held, rig } = await start();
  const given = message(1, 'a', 1);
  // kafkajs parses such headers this way: it takes the object's own constructor for a first value.
  const headers = { ...given.headers, empty: null, constructor: [Object, Buffer.from('x')] };
  await fake.deliver([{ ...given, headers } as unknown as KafkaMessage, message(2, 'b', 1)]);
  await settle();

  expect(held.started).toEqual(['a.1', 'b.1']);
  expect(rig.client.effects()).toEqual(['a.1', 'b.1']);
  expect(fake.lastCommitted).toBe('3');
});

describe('requests of operators', () => {
  async function looking(redriveIntervalMs: number) {
    const rig = aRig({ redriveIntervalMs });
    const looks: AbortSignal[] = [];
    rig.consumer.requests.poll = async (signal) => {
      looks.push(signal);
      await sleep(5);
      return false;
    };
    const kafka = { consumer: () => new FakeKafkaConsumer(), producer: () => ({}) };
    const running = await runConsumer({ consumer: rig.consumer, kafka: kafka as never, topics: ['orders'] });
    started.push(running);
    return { looks, running };
  }

  it('are polled until the end, and the end waits for the last poll', async () => {
    const { looks, running } = await looking(5);
    while (looks.length < 2) await sleep(5);
    await running.stop();
    const { length } = looks;
    await sleep(30);

    expect(looks).toHaveLength(length);
    expect(looks.at(-1)?.aborted).toBe(true);
  });

  it('is not looked for when that is switched off', async () => {
    const { looks } = await looking(0);
    await sleep(30);
    expect(looks).toEqual([]);
  });
});

it('commits nothing for a partition that went to another, although its batch was fetched before', async () => {
  const { fake, rig } = await start();
  await fake.deliver([message(1, 'held', 1)]);
  fake.emit('group_join', { memberAssignment: { orders: [1] } });

  // The partition's new owner still owes message 1 and begins there; a commit of 10 would skip it.
  await fake.deliver([message(9, 'b', 1)]);
  await settle();

  expect(rig.client.effects()).toEqual([]);
  expect(fake.committed).toEqual([]);
});

it('leaves no timer if kafkajs gives up while it starts', async () => {
  const fake = new FakeKafkaConsumer();
  // kafkajs reports the crash by an event, and resolves.
  fake.run = () => {
    fake.emit('crash', { error: new Error('not allowed'), restart: false });
    return Promise.resolve();
  };
  const kafka = { consumer: () => fake, producer: () => ({}) };
  const cleared = jest.spyOn(globalThis, 'clearInterval');
  const set = jest.spyOn(globalThis, 'setInterval');
  const running = await runConsumer({ consumer: aRig().consumer, kafka: kafka as never, topics: ['orders'] });

  await expect(running.done).rejects.toThrow('not allowed');
  const timers = set.mock.results.map(({ value }) => value as unknown);
  expect(timers).toHaveLength(1);
  expect(cleared.mock.calls.map(([timer]) => timer)).toContain(timers[0]);
  jest.restoreAllMocks();
});

describe('where partitions begin', () => {
  interface Log {
    readonly committed: string;
    readonly low: string;
    readonly high: string;
  }

  /** kafkajs's admin client over the logs of partitions 0 and 1; the test can make it fail. */
  function anAdmin(...logs: Log[]) {
    const state = { logs, failures: 0, asked: 0 };
    const admin = () => ({
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      fetchOffsets: () => {
        state.asked++;
        if (state.failures-- > 0) return Promise.reject(new Error('no coordinator'));
        return Promise.resolve([
          {
            topic: 'orders',
            partitions: state.logs.map(({ committed }, partition) => ({ partition, offset: committed })),
          },
        ]);
      },
      fetchTopicOffsets: () =>
        Promise.resolve(state.logs.map(({ low, high }, partition) => ({ partition, low, high }))),
    });
    return { state, admin };
  }
  const inRange: Log = { committed: '5', low: '0', high: '9' };

  it('continues at committed offsets that the logs have, and lets kafkajs begin at the beginning otherwise', async () => {
    const { admin } = anAdmin(inRange, { committed: '-1', low: '3', high: '9' });
    const { fake, rig } = await start({}, {}, { admin });
    // Read before the group is joined: a paused partition costs kafkajs's wait for an empty fetch.
    await settle();
    expect(fake.calls).toEqual([]);
    fake.emit('group_join', { memberAssignment: { orders: [0, 1] } });
    await settle();
    expect(fake.calls).toEqual(['pause 0,1', 'resume 0', 'resume 1']);
    expect(fake.committed).toEqual([]);
    expect(rig.told.of('messagesGone')).toEqual([]);
    expect(fake.subscriptions).toEqual([{ topics: ['orders'], fromBeginning: true }]);
  });

  it.each([true, false])(
    'reports what a log has lost and begins at its beginning (fromBeginning: %p)',
    async (fromBeginning) => {
      const { admin } = anAdmin({ committed: '5', low: '8', high: '9' }, { committed: '40', low: '2', high: '9' });
      const { fake, rig } = await start({ fromBeginning }, {}, { admin });
      await settle();
      expect(rig.told.of('messagesGone')).toEqual([
        [{ topic: 'orders', partition: 0, from: 5n, to: 8n, count: 3 }],
        [{ topic: 'orders', partition: 1, from: 40n, to: 2n }],
      ]);
      expect(fake.committed.map(({ partition, offset }) => [partition, offset])).toEqual([
        [0, '8'],
        [1, '2'],
      ]);
      expect(fake.calls).toEqual(['pause 0,1', 'seek 0 8', 'seek 1 2', 'resume 0', 'resume 1']);
    },
  );

  it('reports the loss that kafkajs has left behind when the process died', async () => {
    const { admin } = anAdmin(inRange, { committed: '-2', low: '7', high: '9' });
    const { fake, rig } = await start({ fromBeginning: false }, {}, { admin });
    await settle();
    expect(rig.told.of('messagesGone')).toEqual([[{ topic: 'orders', partition: 1, to: 7n }]]);
    expect(fake.calls).toContain('seek 1 7');
  });

  it('with fromBeginning: false commits the end before anything is read, and begins later partitions at their beginning', async () => {
    const { admin, state } = anAdmin({ committed: '-1', low: '0', high: '9' });
    const fake = new FakeKafkaConsumer();
    fake.failCommit = true;
    const { rig } = await start({ fromBeginning: false }, {}, { admin, fake });
    await settle();
    expect(fake.calls).toEqual(['pause 0,1']);
    expect(rig.told.of('readFailed').length).toBeGreaterThan(0);
    fake.failCommit = false;
    fake.emit('group_join', { memberAssignment: { orders: [0] } });
    await settle();
    expect(fake.lastCommitted).toBe('9');
    expect(fake.calls.slice(-3)).toEqual(['pause 0', 'seek 0 9', 'resume 0']);

    state.logs = [
      { committed: '9', low: '0', high: '12' },
      { committed: '-1', low: '0', high: '4' },
    ];
    fake.emit('group_join', { memberAssignment: { orders: [0, 1] } });
    await settle();
    expect(fake.calls.slice(-3)).toEqual(['pause 0,1', 'resume 0', 'resume 1']);
  });

  it('with fromBeginning: false begins a partition at its first end whose member died before it committed that', async () => {
    const { admin, state } = anAdmin(
      { committed: '-1', low: '0', high: '9' },
      { committed: '-1', low: '0', high: '4' },
    );
    const { fake } = await start({ fromBeginning: false }, {}, { admin, assigned: [0] });
    await settle();
    expect(fake.calls.slice(-3)).toEqual(['pause 0', 'seek 0 9', 'resume 0']);

    state.logs = [
      { committed: '9', low: '0', high: '12' },
      { committed: '-1', low: '0', high: '6' },
    ];
    fake.emit('group_join', { memberAssignment: { orders: [0, 1] } });
    await settle();
    expect(fake.calls.slice(-4)).toEqual(['pause 0,1', 'seek 1 4', 'resume 0', 'resume 1']);
  });

  it('begins without the offsets if that loses nothing, and reports it', async () => {
    const { admin, state } = anAdmin(inRange, inRange);
    state.failures = 100;
    const { fake, rig } = await start({}, {}, { admin });
    while (!fake.calls.includes('resume 1')) await settle();
    // One attempt was before the group was joined.
    expect(state.asked).toBe(1 + 3);
    expect(rig.told.of('readFailed')).toHaveLength(3);
  });

  it('begins although the committed offsets cannot be read', async () => {
    jest.useFakeTimers();
    try {
      const never = new Promise<never>(() => undefined);
      const disconnect = jest.fn(() => Promise.resolve());
      const admin = () => ({ connect: () => never, disconnect });
      const starting = start({}, {}, { admin });
      await jest.advanceTimersByTimeAsync(10_000);
      const { fake, rig } = await starting;
      expect(fake.calls).toEqual(['pause 0,1']);
      await jest.advanceTimersByTimeAsync(60_000);
      expect(fake.calls).toEqual(['pause 0,1', 'resume 0', 'resume 1']);
      expect(rig.told.of('readFailed').map(([error]) => String(error))).toEqual(
        Array.from({ length: 3 }, () => 'Error: Kafka did not respond within 10000 ms.'),
      );
    } finally {
      jest.useRealTimers();
    }
  });

  it('an answer for an assignment that has ended decides nothing', async () => {
    const { admin } = anAdmin({ committed: '-1', low: '0', high: '9' });
    const { fake } = await start({ fromBeginning: false }, {}, { admin });
    fake.emit('rebalancing');
    await settle();
    expect(fake.committed).toEqual([]);
    expect(fake.calls).toEqual(['pause 0,1']);
  });

  it('reports where kafkajs went on, if that is not where it was to go on', async () => {
    const { fake, rig, held } = await start();
    fake.fetches = true;
    await fake.deliver([message(1, 'a', 1), message(2, 'b', 1)]);
    // Holes in the offsets are no loss: only the requested offset shows one.
    fake.fetchedOffset = '3';
    await fake.deliver([message(6, 'c', 1)]);
    // A batch of markers, which kafkajs does not pass on.
    fake.emit('end_batch_process', { topic: 'orders', partition: 0, batchSize: 0, lastOffset: '8' });
    fake.fetchedOffset = '9';
    await fake.deliver([message(9, 'd', 1)]);
    expect(rig.told.of('messagesGone')).toEqual([]);

    fake.fetchedOffset = '20';
    await fake.deliver([message(21, 'e', 1)]);
    expect(rig.told.of('messagesGone')).toEqual([[{ topic: 'orders', partition: 0, from: 10n, to: 20n, count: 10 }]]);
    fake.fetchedOffset = '0';
    await fake.deliver([message(0, 'held', 1)]);
    expect(rig.told.of('messagesGone')[1]).toEqual([{ topic: 'orders', partition: 0, from: 22n, to: 0n }]);
    await settle();
    expect(held.started).toEqual(['a.1', 'b.1', 'c.1', 'd.1', 'e.1', 'held.1']);
    expect(fake.lastCommitted).toBe('0');
  });

  it('commits again where kafkajs has committed the beginning of the log', async () => {
    const { fake } = await start();
    fake.fetches = true;
    await fake.deliver([message(1, 'held', 1)]);
    await settle();
    expect(fake.committed.map(({ offset }) => offset)).toEqual(['1']);
    fake.fetchedOffset = '20';
    await fake.deliver([message(20, 'a', 1)]);
    await settle();
    expect(fake.committed.map(({ offset }) => offset)).toEqual(['1', '1']);
  });
});

describe('topics that do not exist', () => {
  it('are named, waited for and subscribed when they exist; without a method for it by readFailed', async () => {
    const fake = new FakeKafkaConsumer();
    fake.missing = ['payments'];
    const { rig } = await start({ topics: ['orders', 'payments'] }, {}, { fake });
    expect(rig.told.of('topicsMissing')).toEqual([[{ topics: ['payments'] }]]);
    fake.missing = [];
    while (fake.subscriptions.length < 4) await settle();
    expect(fake.subscriptions.at(-1)).toEqual({ topics: ['payments'], fromBeginning: true });
    await settle();
    await fake.deliver([message(1, 'a', 1)]);
    await settle();
    expect(rig.client.effects()).toEqual(['a.1']);

    const plain = new FakeKafkaConsumer();
    plain.missing = ['orders'];
    const failed: unknown[] = [];
    const telemetry = {
      ...rig.told.telemetry,
      topicsMissing: undefined,
      readFailed: (error: unknown) => failed.push(error),
    };
    const second = await start({}, { telemetry: telemetry }, { fake: plain });
    expect(failed).toEqual([expect.objectContaining({ code: 'topic-missing', details: { topics: ['orders'] } })]);
    await second.running.stop();
    expect(plain.calls).toEqual(['disconnect']);
  });

  it('fail the start for another reason', async () => {
    const fake = new FakeKafkaConsumer();
    fake.subscribe = () => Promise.reject(new Error('not authorized'));
    await expect(start({}, {}, { fake })).rejects.toThrow('not authorized');
    expect(fake.calls).toEqual(['disconnect']);
  });

  it('are reported once a minute, or at once when others are missing', async () => {
    const now = jest.spyOn(performance, 'now').mockReturnValue(0);
    const reported: unknown[] = [];
    const missing = new MissingTopics({ ...SILENT, topicsMissing: (details) => reported.push(details.topics) });
    missing.report(['a', 'b']);
    now.mockReturnValue(59_000);
    missing.report(['a', 'b']);
    missing.report(['b']);
    now.mockReturnValue(118_000);
    missing.report(['b']);
    now.mockReturnValue(119_000);
    missing.report(['b']);
    now.mockRestore();
    expect(reported).toEqual([['a', 'b'], ['b'], ['b']]);
    await Promise.resolve();
  });
});

it('reports brokers that do not answer while it starts, and nothing once they do', async () => {
  const fake = new FakeKafkaConsumer();
  const { promise: connected, resolve } = Promise.withResolvers<undefined>();
  fake.connect = async () => {
    await connected;
  };
  const rig = aRig();
  jest.useFakeTimers();
  const starting = runConsumer({
    consumer: rig.consumer,
    kafka: { consumer: () => fake, producer: () => ({}) } as never,
    topics: ['orders'],
  });
  await jest.advanceTimersByTimeAsync(9_999);
  expect(rig.told.of('readFailed')).toEqual([]);
  await jest.advanceTimersByTimeAsync(10_001);
  expect(rig.told.of('readFailed').map(([error]) => error)).toEqual([
    expect.objectContaining({ code: 'service-unavailable' }),
    expect.objectContaining({ code: 'service-unavailable' }),
  ]);
  resolve(undefined);
  started.push(await starting);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(rig.told.of('readFailed')).toHaveLength(2);
  jest.useRealTimers();
});
