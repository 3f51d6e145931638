import { handleKafkaEvent, type ConsumedRecord, type KafkaEvent } from '../../../../lib/consumer';
import { encodeRequest } from '../../../../lib/consume/request';
import { aRecord, aRig, feed, kafkaEventOf as eventOf, unreachable, type Rig } from '../../../builders/consume';

const context = (ms = 60_000) => ({ getRemainingTimeInMillis: () => ms });
const deliver = ({ consumer, deadLetters }: Rig, records: readonly ConsumedRecord[], partialBatchResponse = true) =>
  handleKafkaEvent({ consumer, deadLetters, partialBatchResponse })(eventOf(records), context());

it('applies the records of all partitions, in order per key, and reports nothing', async () => {
  const rig = aRig();
  const records = [1, 2, 3].flatMap((version) => [
    aRecord({ version }),
    aRecord({ key: 'other', partition: 1, version }),
  ]);

  expect(await deliver(rig, records)).toEqual({ batchItemFailures: [] });
  expect(rig.handled.filter((id) => id.startsWith('42'))).toEqual(
    [1, 2, 3].map((version) => `42:${String(version).padStart(16, '0')}.0000`),
  );
  expect(rig.handled).toHaveLength(6);
});

it('reports the first unfinished record of each partition, and applies nothing of a key behind it', async () => {
  const rig = aRig({
    onFailure: 'block',
    handlers: {
      'order.placed': (_, { key, version }) => {
        if (key === 'blocked' && version === 2) throw new Error('no');
        return [{ Put: { TableName: 'effects', Item: { id: `${key}.${version ?? ''}` } } }];
      },
    },
  });
  const records = [1, 2, 3].flatMap((version) => [
    aRecord({ key: 'blocked', version, offset: version * 10 }),
    aRecord({ key: 'free', version, offset: version * 10 + 1 }),
    aRecord({ key: 'elsewhere', version, partition: 1 }),
  ]);

  expect(await deliver(rig, records)).toEqual({
    batchItemFailures: [{ itemIdentifier: { partition: 'orders-0', offset: 20 } }],
  });
  expect(rig.client.effects().filter((id) => id.startsWith('blocked'))).toEqual(['blocked.1']);
  expect(rig.client.effects()).toHaveLength(7);
});

it('throws without partial batch response if a message is unfinished, and applied messages are duplicates in the next delivery', async () => {
  let isAway = true;
  const rig = aRig();
  const [first, second] = [aRecord({ version: 1 }), aRecord({ key: 'other', version: 1 })];
  rig.client.beforeWrite = (entries) => {
    if (isAway && JSON.stringify(entries).includes('other:')) throw unreachable();
  };

  await expect(deliver(rig, [first, second], false)).rejects.toMatchObject({
    code: 'batch-unfinished',
    retryable: true,
  });
  isAway = false;
  expect(await deliver(rig, [first, second], false)).toEqual({ batchItemFailures: [] });

  expect(rig.client.effects()).toHaveLength(2);
  expect(rig.told.of('attemptFailed')).toEqual([]);
});

it('a key that waits for a missing event is released with it', async () => {
  const rig = aRig({
    onGap: 'block',
    onFailure: 'block',
    clock: { now: () => Date.now() },
    handlers: {
      'order.placed': (_, { version }) => {
        if (version === 2) throw new Error('no');
        return [{ Put: { TableName: 'effects', Item: { id: `v${version ?? ''}` } } }];
      },
    },
  });
  const records = [1, 3, 2].map((version, offset) => aRecord({ version, offset }));

  expect(await deliver(rig, records)).toEqual({
    batchItemFailures: [{ itemIdentifier: { partition: 'orders-0', offset: 1 } }],
  });
  expect(rig.client.effects()).toEqual(['v1']);
});

it('a gap blocks no longer than it may, although each delivery ends before', async () => {
  const rig = aRig({ onGap: 'block', gapTimeoutMs: 100, clock: { now: () => Date.now() } });
  const { consumer, deadLetters } = rig;
  const handler = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true, marginMs: 1 });
  const event = eventOf([1, 3].map((version) => aRecord({ version, offset: version })));
  for (let delivery = 0; delivery < 3; delivery++) await handler(event, context(51));

  expect(rig.handled).toHaveLength(2);
});

it('returns in time although a handler does not end, and continues behind the finished messages', async () => {
  const rig = aRig({
    handlers: {
      'order.placed': async (_, { key, version }) => {
        if (key === 'endless') await new Promise(() => undefined);
        return [{ Put: { TableName: 'effects', Item: { id: `${key}.${version ?? ''}` } } }];
      },
    },
  });
  const { consumer, deadLetters, told } = rig;
  const handle = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true, marginMs: 20 });
  const records = ['a', 'endless', 'b'].map((key, at) => aRecord({ key, version: 1, offset: 10 + at }));

  expect(await handle(eventOf(records), context(60))).toEqual({
    batchItemFailures: [{ itemIdentifier: { partition: 'orders-0', offset: 11 } }],
  });
  expect(rig.client.effects()).toEqual(['a.1', 'b.1']);
  expect(told.of('flush')).toHaveLength(1);
});

it('counts failed attempts over deliveries, each of which ends before the last of them', async () => {
  const rig = aRig({
    attempts: 3,
    retry: { initialDelayMs: 1_000, maxDelayMs: 1_000 },
    handlers: {
      'order.placed': () => {
        throw new Error('no');
      },
    },
  });
  const { consumer, deadLetters } = rig;
  const handle = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true, marginMs: 1 });
  const event = eventOf([aRecord({ version: 1, offset: 7 })]);
  const answers: unknown[] = [];
  for (let delivery = 1; delivery <= 3; delivery++) answers.push(await handle(event, context(30)));

  const unfinished = { batchItemFailures: [{ itemIdentifier: { partition: 'orders-0', offset: 7 } }] };
  expect(answers).toEqual([unfinished, unfinished, { batchItemFailures: [] }]);
  expect(rig.told.of('attemptFailed').map(([, attempt]) => attempt)).toEqual([1, 2, 3]);
  expect(rig.told.of('parked')).toHaveLength(1);
});

it('is done with a record that occurs twice in a batch', async () => {
  const rig = aRig();
  const record = aRecord({ version: 1, offset: 7 });

  expect(await deliver(rig, [record, record])).toEqual({ batchItemFailures: [] });
});

it('makes progress in a function whose timeout is shorter than the margin', async () => {
  const rig = aRig();
  const { consumer, deadLetters } = rig;
  const handle = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true });

  expect(await handle(eventOf([aRecord({ version: 1, offset: 900 })]), context(3_000))).toEqual({
    batchItemFailures: [],
  });
  expect(rig.handled).toHaveLength(1);
});

it('leaves a handler that does not end half of the time that is left to answer, if the margin is longer', async () => {
  const rig = aRig({ handlers: { 'order.placed': () => new Promise(() => undefined) } });
  const { consumer, deadLetters } = rig;
  const handle = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true });
  const startedAt = performance.now();
  await handle(eventOf([aRecord({ version: 1, offset: 900 })]), {
    getRemainingTimeInMillis: () => Math.ceil(400 - (performance.now() - startedAt)),
  });

  // The handler gives up no message before half of the time has passed.
  expect(performance.now() - startedAt).toBeGreaterThan(190);
});

it.each([NaN, -1, 0, 0.5, '5', null, 900_001, 1e9])('refuses a margin of %p', (marginMs) => {
  const { consumer, deadLetters } = aRig();
  expect(() => handleKafkaEvent({ consumer, deadLetters, marginMs: marginMs as never })).toThrow(
    expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining('"marginMs"') }),
  );
});

it('begins nothing when the time is up', async () => {
  const rig = aRig();
  const { consumer, deadLetters } = rig;
  const handler = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true });
  const event = eventOf([aRecord({ version: 1, offset: 5 })]);
  const fed = handler(event, context(0));
  // The deadline's signal is sent by a timer.
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect((await fed).batchItemFailures.length + rig.handled.length).toBe(1);
});

it('reads a tombstone, a missing key and a header that occurs twice', async () => {
  const rig = aRig();
  const { consumer, deadLetters } = rig;
  const headers = [{ twice: [97] }, { twice: [98] }];
  await handleKafkaEvent({ consumer, deadLetters })(
    { records: { 'orders-0': [{ topic: 'orders', partition: 0, offset: 1, timestamp: 0, headers }] } },
    context(),
  );

  expect(rig.deadLetters.sent[0]?.record).toMatchObject({
    key: null,
    value: null,
    headers: { twice: [Buffer.from('a'), Buffer.from('b')] },
  });
});

it('reads headers without a value, and with the names that every object has', async () => {
  const rig = aRig();
  const { consumer, deadLetters } = rig;
  const headers = JSON.parse('[{"empty":null},{"constructor":[97]},{"__proto__":[98]}]') as [];
  const record = { topic: 'orders', partition: 0, timestamp: 0 };
  const records = [
    { ...record, offset: 1, headers },
    { ...record, offset: 2, headers: null },
  ];
  await handleKafkaEvent({ consumer, deadLetters })({ records: { 'orders-0': records } }, context());

  expect(rig.deadLetters.sent.map(({ record: sent }) => Object.entries(sent.headers))).toEqual([
    [
      ['empty', Buffer.alloc(0)],
      ['constructor', Buffer.from('a')],
      ['__proto__', Buffer.from('b')],
    ],
    [],
  ]);
});

it('refuses options that it does not know', () => {
  const { consumer, deadLetters } = aRig();

  expect(() => handleKafkaEvent({ consumer, deadLetters, partial: true } as never)).toThrow(/"partial"/);
});

describe('requests of operators', () => {
  const EMPTY: KafkaEvent = { records: {} };

  function looking(options: Parameters<typeof aRig>[0] = {}) {
    let now = 1_000_000;
    const rig = aRig({ clock: { now: () => now }, ...options });
    const looks: AbortSignal[] = [];
    let isLeft = false;
    rig.consumer.requests.poll = (signal) => {
      looks.push(signal);
      return Promise.resolve(isLeft);
    };
    const handler = handleKafkaEvent({ consumer: rig.consumer, deadLetters: rig.deadLetters });
    return {
      rig,
      looks,
      leave: (left: boolean) => void (isLeft = left),
      invoke: async (afterMs = 0, event = eventOf([aRecord()])) => {
        now += afterMs;
        await handler(event, context());
        return looks.length;
      },
    };
  }

  it('are polled next to a batch, as often as configured', async () => {
    const { invoke } = looking({ redriveIntervalMs: 10_000 });
    expect(await invoke()).toBe(1);
    expect(await invoke(9_999)).toBe(1);
    expect(await invoke(1)).toBe(2);
  });

  it('is gone on with in the next invocation when something is left', async () => {
    const { invoke, leave } = looking();
    leave(true);
    expect(await invoke()).toBe(1);
    leave(false);
    expect(await invoke()).toBe(2);
    expect(await invoke()).toBe(2);
  });

  it('is looked for by an event without records, also when it is switched off', async () => {
    const { invoke } = looking({ redriveIntervalMs: 0 });
    expect(await invoke(60_000)).toBe(0);
    expect(await invoke(0, EMPTY)).toBe(1);
  });

  it('keeps no batch for longer than ten seconds, and is not asked twice at once', async () => {
    jest.useFakeTimers();
    try {
      const { rig, invoke, looks } = looking();
      const { promise, resolve } = Promise.withResolvers<boolean>();
      rig.consumer.requests.poll = (signal) => {
        looks.push(signal);
        return promise;
      };
      let answered = 0;
      for (const expected of [1, 2]) {
        void invoke(60_000).then(() => answered++);
        await jest.advanceTimersByTimeAsync(10_000);
        expect(answered).toBe(expected);
      }
      expect(looks).toHaveLength(1);
      resolve(false);
      await jest.advanceTimersByTimeAsync(0);
      void invoke(60_000);
      await jest.advanceTimersByTimeAsync(0);
      expect(looks).toHaveLength(2);
    } finally {
      jest.useRealTimers();
    }
  });

  it('counts a handler that does not end within its time, and refuses the redrive with it', async () => {
    let isHanging = false;
    const rig = aRig({
      clock: { now: () => Date.now() },
      markerRetentionMs: 3_650 * 24 * 3600_000,
      attempts: 1,
      handlerTimeoutMs: 30,
      handlers: {
        'order.placed': () => {
          if (isHanging) return new Promise<never>(() => undefined);
          throw new Error('no stock');
        },
      },
    });
    await feed(rig, [aRecord({ version: 1 })]);
    isHanging = true;
    const key = { source: '/shop/order', topic: 'orders', key: '42' };
    const redrive = { id: 'one', key, request: { by: 'me', at: 1, why: 'a test' }, asks: 'redrive' } as const;
    rig.client.items.set('inbox|shipping#$requests|one', encodeRequest('shipping#$requests', redrive));
    await rig.consumer.requests.poll(AbortSignal.timeout(5));

    expect(rig.told.of('requestCompleted')).toEqual([
      [expect.objectContaining({ outcome: 'refused', message: expect.stringContaining('within 30 ms') })],
    ]);
  });
});
