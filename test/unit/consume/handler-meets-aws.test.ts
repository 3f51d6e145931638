import { type OutboxError, type TransactionAction } from '../../../lib/consumer';
import { aRecord, aRig, effectOf, feed, MemoryClient, unreachable } from '../../builders/consume';

const DAY_MS = 24 * 3600_000;
const live = { clock: { now: () => Date.now() }, markerRetentionMs: 3_650 * DAY_MS };
const awsError = (name: string, httpStatusCode: number): Error =>
  Object.assign(new Error(`${name} of another service`), { name, $metadata: { httpStatusCode } });
const bad = () => aRecord({ key: 'bad', version: 1 });
const others = (count: number) => Array.from({ length: count }, (_, at) => aRecord({ key: `k${at}`, version: 1 }));
const badThrows = (error: () => unknown) => ({
  'order.placed': ({ id }: { id: string }, { key }: { key: string }): TransactionAction[] => {
    if (key === 'bad') throw error();
    return [effectOf(id)];
  },
});

describe('the errors of a handler', () => {
  it.each([
    ['ResourceNotFoundException', 400],
    ['AccessDeniedException', 400],
    ['AccessDenied', 403],
    ['LimitExceededException', 400],
    ['UnrecognizedClientException', 400],
    ['ValidationException', 400],
  ])("is its key's failure, and stops no other: %s", async (name, status) => {
    const rig = aRig({ ...live, handlers: badThrows(() => awsError(name, status)) });
    const { committable } = await feed(rig, [bad(), ...others(20)]);

    expect(rig.client.effects()).toHaveLength(20);
    expect(rig.told.of('parked')).toHaveLength(1);
    expect(rig.told.of('outage')).toEqual([]);
    expect(committable).toBeDefined();
  });

  it.each([
    ['a server error', () => awsError('InternalFailure', 500)],
    ['no answer', unreachable],
    ['throttling', () => awsError('ThrottlingException', 400)],
    ['a time limit of its own', () => Object.assign(new Error('The operation timed out.'), { name: 'TimeoutError' })],
    ['all of several', () => new AggregateError([Object.assign(new Error('no'), { code: 'ECONNREFUSED' })])],
  ])('lets its key alone wait, without an attempt, when a service is unavailable: %s', async (_, error) => {
    let failures = 3;
    const rig = aRig({
      ...live,
      attempts: 1,
      handlers: {
        'order.placed': ({ id }, { key }) => {
          if (key === 'bad' && failures-- > 0) throw error();
          return [effectOf(id)];
        },
      },
    });
    await feed(rig, [bad(), ...others(5)]);

    expect(rig.client.effects()).toHaveLength(6);
    expect(rig.told.of('attemptFailed')).toEqual([]);
    expect(rig.told.of('keyDelayed')).toHaveLength(3);
  });

  it('is judged by isOutage first, which may say no', async () => {
    const rig = aRig({ ...live, isOutage: () => false, handlers: badThrows(() => awsError('InternalFailure', 500)) });
    await feed(rig, [bad(), ...others(5)]);

    expect(rig.told.of('parked')).toHaveLength(1);
    expect(rig.told.of('attemptFailed')).toHaveLength(3);
  });

  it.each([
    ['a server error', 'InternalFailure', 500],
    ['throttling', 'ThrottlingException', 429],
  ])('counts once a service is unavailable for this key alone, for a minute: %s', async (_, name, status) => {
    let now = Date.now();
    const rig = aRig({
      clock: { now: () => (now += 1_000) },
      markerRetentionMs: 3_650 * DAY_MS,
      attempts: 2,
      handlers: badThrows(() => awsError(name, status)),
    });
    await feed(rig, [bad(), ...others(30)]);

    expect(rig.told.of('parked')).toHaveLength(1);
    expect(rig.told.of('attemptFailed').map(([, , cause]) => (cause as Error).name)).toEqual([name, name]);
  });

  it('on Lambda stops no key of the batch but its own', async () => {
    const rig = aRig({ ...live, handlers: badThrows(() => awsError('InternalFailure', 500)) });
    const { outcomes } = await feed(rig, [bad(), ...others(20)], { whenBlocked: 'leave' });

    expect(outcomes.toSorted()).toEqual([...Array.from({ length: 20 }, () => 'applied'), 'unsettled']);
    // The invocation ends before it is known whether the service is available again.
    expect(rig.told.of('outage')).toHaveLength(1);
    expect(rig.told.of('outageOver')).toEqual([]);
  });
});

describe('a transaction that DynamoDB refuses', () => {
  const missing = 'no-such-table';
  const client = (isRefused: (entries: readonly TransactionAction[]) => boolean, name: string) => {
    const memory = new MemoryClient();
    memory.beforeWrite = (entries) => {
      if (isRefused(entries)) throw awsError(name, 400);
    };
    return memory;
  };
  const writes = (table: string) => (entries: readonly TransactionAction[]) =>
    entries.some(({ Put }) => Put?.TableName === table);
  const handlers = {
    'order.placed': ({ id }: { id: string }, { key }: { key: string }): TransactionAction[] =>
      key === 'bad' ? [{ Put: { TableName: missing, Item: { id } } }] : [effectOf(id)],
  };

  it.each(['ResourceNotFoundException', 'AccessDeniedException'])(
    "for a table of one handler is its key's failure, also when it shares the transaction: %s",
    async (name) => {
      const rig = aRig({ ...live, handlers }, client(writes(missing), name));
      await feed(rig, [bad(), ...others(20)]);

      expect(rig.client.effects()).toHaveLength(20);
      expect(rig.told.of('parked')).toHaveLength(1);
      const [[, , error]] = rig.told.of('attemptFailed') as [unknown[]];
      expect((error as OutboxError).code).toBe('action-rejected');
      expect((error as Error).message).toContain(name);
    },
  );

  it("for the consumer's own table is an outage that names the table", async () => {
    let isMissing = true;
    const memory = new MemoryClient();
    const refuse = (): void => {
      if (isMissing) throw awsError('ResourceNotFoundException', 400);
    };
    memory.beforeWrite = refuse;
    memory.beforeRead = refuse;
    const rig = aRig({ ...live, attempts: 1 }, memory);
    setTimeout(() => (isMissing = false), 300);
    await feed(rig, [bad(), ...others(5)]);

    expect(rig.client.effects()).toHaveLength(6);
    expect(rig.told.of('attemptFailed')).toEqual([]);
    expect(rig.told.of('outage').map(([error]) => (error as Error).message)).toEqual([
      'Cannot read the consumer\'s table "inbox": ResourceNotFoundException: ResourceNotFoundException of another service',
    ]);
  });

  it('whose item is throttled delays its own key alone, and closes nothing for the others', async () => {
    let throttles = 4;
    const memory = new MemoryClient();
    memory.beforeWrite = (entries) => {
      const at = entries.findIndex(({ Put }) => String(Put?.Item?.['id']).startsWith('bad'));
      if (at === -1 || throttles-- <= 0) return;
      throw Object.assign(new Error('Cancelled'), {
        name: 'TransactionCanceledException',
        $metadata: { httpStatusCode: 400 },
        CancellationReasons: entries.map((_, each) => ({ Code: each === at ? 'ThrottlingError' : 'None' })),
      });
    };
    const rig = aRig({ ...live, attempts: 1 }, memory);
    await feed(rig, [bad(), ...others(20)]);

    expect(rig.client.effects()).toHaveLength(21);
    expect(rig.told.of('attemptFailed')).toEqual([]);
    expect(rig.told.of('outage')).toEqual([]);
    expect(rig.told.of('keyDelayed').length).toBeGreaterThan(0);
  });

  it('by a mistake of the client is an error of that event, and no outage', async () => {
    const rig = aRig({ ...live, handlers }, client(writes(missing), 'TypeError'));
    rig.client.beforeWrite = (entries) => {
      if (writes(missing)(entries)) throw new TypeError('Cannot read properties of undefined');
    };
    await feed(rig, [bad(), ...others(5)]);

    expect(rig.client.effects()).toHaveLength(5);
    expect(rig.told.of('outage')).toEqual([]);
    expect(rig.told.of('parked')).toHaveLength(1);
  });
});

describe('a transaction that fails for one key alone', () => {
  const isBad = (entries: readonly TransactionAction[]): boolean =>
    entries.some(({ Put }) => String(Put?.Item?.['id']).startsWith('bad'));

  it.each([
    ['by a server error', () => Promise.reject(awsError('InternalServerError', 500))],
    ['without an answer', () => new Promise<never>(() => undefined)],
  ])('delays that key alone, %s: also on Lambda, and nobody else has its effects with it again', async (_, fail) => {
    for (const whenBlocked of ['leave', undefined] as const) {
      const memory = new MemoryClient();
      let failures = whenBlocked === undefined ? 4 : Infinity;
      memory.beforeWrite = (entries) => (isBad(entries) && failures-- > 0 ? fail() : undefined);
      const rig = aRig({ ...live, callTimeoutMs: 20, attempts: 1 }, memory);
      const events = [bad(), ...others(20)];
      await feed(rig, events, { whenBlocked });
      await feed(rig, events, { whenBlocked });

      expect(rig.client.effects().filter((each) => !each.startsWith('bad'))).toHaveLength(20);
      expect(rig.told.of('attemptFailed')).toEqual([]);
      expect(rig.told.of('parked')).toEqual([]);
    }
  });
});

describe('whatever a handler throws', () => {
  const throwing = (name: string) =>
    Object.defineProperty(new Error('no'), name, {
      get: () => {
        throw new Error(`no ${name}`);
      },
    });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'no stock'],
    ['a symbol', Symbol('no')],
    ['an object without a prototype', Object.create(null)],
    [
      'an object that cannot be shown',
      {
        toString: () => {
          throw new Error('no');
        },
      },
    ],
    ['an error whose message throws', throwing('message')],
    ['an error whose stack throws', throwing('stack')],
    ['an error whose name is a symbol', Object.assign(new Error('no'), { name: Symbol('no') })],
    ['an error whose stack is a list', Object.assign(new Error('no'), { stack: [] })],
  ])('its event is parked, or is a dead letter: %s', async (_, thrown) => {
    for (const onFailure of ['park-key', 'dead-letter'] as const) {
      const rig = aRig({ ...live, attempts: 2, onFailure, handlers: badThrows(() => thrown) });
      await feed(rig, [bad(), ...others(3)]);

      expect(rig.client.effects()).toHaveLength(3);
      expect(rig.told.of('parked').length + rig.deadLetters.sent.length).toBe(1);
    }
  });

  it.each([
    ['a promise', () => Promise.resolve(false)],
    ['a promise that fails', () => Promise.reject(new Error('no'))],
    ['a text', () => 'false'],
    ['an object', () => ({})],
  ])('is no outage because isOutage returns %s', async (_, isOutage) => {
    const rig = aRig({ ...live, isOutage: isOutage as never, handlers: badThrows(() => new Error('no')) });
    await feed(rig, [bad()]);

    expect(rig.told.of('parked')).toHaveLength(1);
  });
});

describe('actions of a handler', () => {
  const many = (count: number) => ({
    'order.placed': ({ id }: { id: string }): TransactionAction[] =>
      Array.from({ length: count }, (_, at) => effectOf(`${id}#${at}`)),
  });

  it.each([
    ['with versions', { version: 1 }],
    ['without versions', {}],
    ['of a replay', { version: 1, headers: { 'outbox-replay': Buffer.from('r1') } }],
  ])('are applied and redriven up to 97 of them: %s', async (_, change) => {
    let isBroken = false;
    const rig = aRig({
      attempts: 1,
      onReplay: 'apply',
      handlers: {
        'order.placed': (event) => {
          if (isBroken) throw new Error('no stock');
          return many(97)['order.placed'](event);
        },
      },
    });
    await feed(rig, [aRecord({ ...change, key: 'direct', id: 'direct' })]);
    isBroken = true;
    await feed(rig, [aRecord({ ...change, key: 'parked', id: 'parked' })]);
    isBroken = false;
    await rig.consumer.redriveParked({ source: '/shop/order', topic: 'orders', key: 'parked' });

    expect(rig.client.effects()).toHaveLength(2 * 97);
  });

  it('are refused from 98 on, on the first delivery already', async () => {
    const rig = aRig({ attempts: 1, handlers: many(98) });
    await feed(rig, [aRecord({ version: 1 })]);

    const [[, , error]] = rig.told.of('attemptFailed') as [unknown[]];
    expect(error).toMatchObject({ code: 'too-many-actions', details: { got: 98, max: 97 } });
  });
});
