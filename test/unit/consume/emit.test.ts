import { context, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { z } from 'zod';
import { createOutbox, type OutboxError } from '../../../lib';
import {
  createConsumer,
  defineEvents,
  type ChangedAggregate,
  type ConsumedRecord,
  type ConsumerOptions,
  type EventHandlers,
  type EventInput,
  type HandlerContext,
} from '../../../lib/consumer';
import { decodeItem, type OutboxItem } from '../../../lib/event/item';
import { marshall } from '@aws-sdk/util-dynamodb';
import {
  aRecord,
  effectOf,
  events,
  feed,
  MemoryClient,
  MemoryDeadLetters,
  NOW,
  TelemetryRecorder,
  unreachable,
  type Definitions,
} from '../../builders/consume';

const shipments = defineEvents({
  'shipment.requested': { schema: z.object({ orderId: z.string(), n: z.number().default(0) }), topic: 'shipments' },
  'shipment.refused': { schema: z.object({ orderId: z.string() }), topic: 'shipments' },
});
type Shipments = (typeof shipments)['definitions'];
type Handlers = EventHandlers<Definitions, HandlerContext<Shipments>>;
type Placed = NonNullable<Handlers['order.placed']>;

const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/;
const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const shipment = (key = '42') => ({ aggregate: 'shipment', key });
const requested = (orderId = '42', n = 0) => ({ type: 'shipment.requested', data: { orderId, n } }) as const;

/** A handler that emits the events and has no other effect. */
const emitting =
  (aggregate: ChangedAggregate, ...given: readonly EventInput<Shipments>[]): Placed =>
  (_, { emit }) => {
    emit(aggregate, given);
  };

/** Requests a shipment for each order, in addition to an effect. */
const requesting: Placed = ({ id }, { key, emit }) => {
  emit(shipment(key), [requested(key)]);
  return [effectOf(id)];
};

/** A consumer that emits events, on tables in memory. */
function anEmitter(
  placed: Placed = requesting,
  options: Partial<ConsumerOptions<Definitions, Shipments>> = {},
  client = new MemoryClient(),
) {
  const told = new TelemetryRecorder();
  const consumer = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client,
    events,
    outbox: createOutbox({ tableName: 'outbox', service: 'shipping', region: 'local', events: shipments, clock }),
    handlers: { 'order.placed': placed },
    retry: { initialDelayMs: 1, maxDelayMs: 2 },
    attempts: 3,
    clock,
    telemetry: told.telemetry,
    ...options,
  });
  return { consumer, client, deadLetters: new MemoryDeadLetters(), told };
}
const clock = { now: () => NOW };

/** The outbox items as the relay reads them, in the order of keys and positions. */
const emitted = (client: MemoryClient): OutboxItem[] =>
  [...client.items]
    .filter(([name]) => name.startsWith('outbox|'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, item]) => decodeItem(marshall(item, { removeUndefinedValues: true })));
const idsOf = (client: MemoryClient) => emitted(client).flatMap((item) => item.events.map(({ id }) => id));

/** The error of the last failed attempt. */
const failureOf = ({ told }: ReturnType<typeof anEmitter>) => told.of('attemptFailed').at(-1)?.[2] as OutboxError;

describe('an event that is emitted', () => {
  it('is committed in one transaction with the effect and the record of the consumed one', async () => {
    const rig = anEmitter();
    const sizes: number[] = [];
    rig.client.beforeWrite = (entries) => void sizes.push(entries.length);

    await feed(rig, [aRecord({ version: 1 })]);

    expect(sizes).toEqual([3]);
    expect(emitted(rig.client)).toMatchObject([
      {
        pk: 'shipment#42',
        source: '/shipping/shipment',
        committedAt: NOW,
        events: [{ type: 'shipment.requested', topic: 'shipments', data: '{"orderId":"42","n":0}' }],
      },
    ]);
  });

  it('is committed once, however often the consumed one comes', async () => {
    const rig = anEmitter();
    const records = [aRecord({ version: 1 }), aRecord({ key: '43' })];

    await feed(rig, [...records, ...records]);
    await feed(rig, records);

    expect(emitted(rig.client).map(({ pk }) => pk)).toEqual(['shipment#42', 'shipment#43']);
  });

  it('is committed once when two consumers work on one message, as in a rebalance', async () => {
    const client = new MemoryClient();
    const rigs = [anEmitter(requesting, {}, client), anEmitter(requesting, {}, client)];
    const record = aRecord({ version: 1 });

    await Promise.all(rigs.map((rig) => feed(rig, [record])));

    expect(emitted(client)).toHaveLength(1);
  });

  it('is committed once when the answer of the transaction is lost', async () => {
    // The pause before the next attempt uses the clock.
    const rig = anEmitter(requesting, { clock: { now: () => Date.now() } });
    let answers = 0;
    rig.client.afterWrite = () => {
      if (++answers === 1) throw unreachable();
    };

    await feed(rig, [aRecord({ version: 1 })]);

    expect(emitted(rig.client)).toHaveLength(1);
    expect(rig.client.transactions).toBe(1);
  });

  it('is not committed by an attempt that fails, in the handler or in a condition', async () => {
    let attempts = 0;
    const rig = anEmitter(({ id }, { emit }) => {
      emit(shipment(), [requested('42', ++attempts)]);
      if (attempts === 1) throw new Error('no');
      return [effectOf(attempts === 2 ? 'taken' : id)];
    });
    rig.client.items.set('effects|taken', { id: 'taken' });

    await feed(rig, [aRecord({ version: 1 })]);

    expect(emitted(rig.client).map((item) => item.events[0]?.data)).toEqual(['{"orderId":"42","n":3}']);
  });

  it('is committed with the redrive of a parked event, once', async () => {
    let isBroken = true;
    const rig = anEmitter((event, handling) => {
      if (isBroken) throw new Error('broken');
      return requesting(event, handling);
    });
    await feed(rig, [aRecord({ version: 1 }), aRecord({ version: 2 })]);
    expect(emitted(rig.client)).toEqual([]);

    isBroken = false;
    for await (const key of rig.consumer.parkedKeys()) await rig.consumer.redriveParked(key);

    expect(
      emitted(rig.client)
        .map(({ causationId }) => causationId)
        .toSorted(),
    ).toEqual(['42:0000000000000001.0000', '42:0000000000000002.0000']);
  });
});

describe('several events', () => {
  it('of one key become one item, in the order of the calls', async () => {
    const rig = anEmitter((_, { emit }) => {
      emit({ ...shipment(), version: 3 }, [requested('a'), requested('b')]);
      emit(shipment('other'), [requested('c')]);
      emit({ ...shipment(), version: 3 }, [{ type: 'shipment.refused', data: { orderId: 'd' } }]);
    });

    await feed(rig, [aRecord({ version: 1 })]);

    expect(emitted(rig.client).map(({ pk, events: all }) => [pk, ...all.map(({ data }) => data)])).toEqual([
      ['shipment#42', '{"orderId":"a","n":0}', '{"orderId":"b","n":0}', '{"orderId":"d"}'],
      ['shipment#other', '{"orderId":"c","n":0}'],
    ]);
  });

  it.each<[string, Placed]>([
    [
      'with two versions',
      (_, { emit }) => {
        emit({ ...shipment(), version: 1 }, [requested()]);
        emit({ ...shipment(), version: 2 }, [requested()]);
      },
    ],
    [
      'with and without a version',
      (_, { emit }) => {
        emit(shipment(), [requested()]);
        emit({ ...shipment(), version: 2 }, [requested()]);
      },
    ],
    [
      'emitted and returned as entries',
      async (_, { emit }) => {
        const outbox = createOutbox({ tableName: 'outbox', service: 's', region: 'local', events: shipments });
        emit({ ...shipment(), version: 1 }, [requested()]);
        return outbox.items({ ...shipment(), version: 2 }, [requested()]);
      },
    ],
  ])('of one key are refused %s: a stream may show two items in either order', async (_, placed) => {
    const rig = anEmitter(placed);

    await feed(rig, [aRecord({ version: 1 })]);

    expect(failureOf(rig)).toMatchObject({
      code: 'duplicate-change',
      details: { aggregate: 'shipment', key: '42', indexes: [0, 1] },
    });
    expect(emitted(rig.client)).toEqual([]);
  });
});

describe('emit is refused', () => {
  const refused = async (placed: Placed, options: Partial<ConsumerOptions<Definitions, Shipments>> = {}) => {
    const rig = anEmitter(placed, { attempts: 1, ...options });
    await feed(rig, [aRecord({ version: 1 })]);
    expect(emitted(rig.client)).toEqual([]);
    expect(rig.told.of('parked')).toHaveLength(1);
    return failureOf(rig);
  };

  it('without an outbox, and the option is named', async () => {
    expect(await refused(requesting, { outbox: undefined })).toMatchObject({
      code: 'invalid-option',
      details: { option: 'outbox' },
    });
  });

  it.each<[string, unknown, unknown, string]>([
    ['an aggregate that is none', { aggregate: 'no spaces', key: '1' }, [requested()], 'invalid-aggregate'],
    ['a key that is none', { aggregate: 'shipment', key: 42 }, [requested()], 'invalid-key'],
    ['a version that is none', { ...shipment(), version: 1.5 }, [requested()], 'invalid-version'],
    ['a misspelt option', { ...shipment(), verison: 1 }, [requested()], 'invalid-option'],
    ['one event instead of a list', shipment(), requested(), 'invalid-option'],
    ['no events', shipment(), [], 'no-events'],
    ['another catalogue’s event', shipment(), [{ type: 'order.placed', data: { total: 1 } }], 'unknown-event-type'],
    ['data that its schema refuses', shipment(), [{ type: 'shipment.requested', data: {} }], 'invalid-event-data'],
    ['no event at all', shipment(), [null], 'invalid-event'],
  ])('with %s', async (_, aggregate, given, code) => {
    const failure = await refused((__, { emit }) => {
      emit(aggregate as never, given as never);
    });
    expect(failure).toMatchObject({ code });
  });

  it('after the handler has returned', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const rig = anEmitter((_, { emit }) => {
      setImmediate(() => {
        try {
          emit(shipment(), [requested()]);
          resolve(undefined);
        } catch (error) {
          resolve(error);
        }
      });
    });

    await feed(rig, [aRecord({ version: 1 })]);

    expect(await promise).toMatchObject({ code: 'emitted-too-late', details: { type: 'order.placed' } });
    expect(emitted(rig.client)).toEqual([]);
  });

  it('once the time of the handler is up', async () => {
    const errors: unknown[] = [];
    const rig = anEmitter(
      async (_, { emit, signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', () => setImmediate(resolve)));
        try {
          emit(shipment(), [requested()]);
        } catch (error) {
          errors.push(error);
        }
      },
      { handlerTimeoutMs: 5, attempts: 1 },
    );

    await feed(rig, [aRecord({ version: 1 })]);
    await new Promise((resolve) => setTimeout(resolve, 20));

    expect(errors).toMatchObject([{ code: 'emitted-too-late' }]);
    expect(emitted(rig.client)).toEqual([]);
  });

  it('by a schema that does not answer within the time of the handler', async () => {
    const silent = {
      '~standard': { version: 1 as const, vendor: 't', validate: () => new Promise<never>(() => undefined) },
    };
    const outbox = createOutbox({
      tableName: 'outbox',
      service: 's',
      region: 'local',
      events: defineEvents({ 'shipment.requested': { schema: silent, topic: 'shipments' } }),
    });
    const failure = await refused(requesting, { outbox: outbox as never, handlerTimeoutMs: 5 });
    expect(failure.code).toBe('handler-too-late');
  });
});

describe('limits', () => {
  const effectsOf = (count: number) => Array.from({ length: count }, (_, at) => effectOf(`e-${at}`));

  it('count emitted keys and returned entries together, and leave room for the records of the consumer', async () => {
    const both =
      (effects: number): Placed =>
      (_, { emit }) => {
        for (const key of ['a', 'b', 'c']) emit(shipment(key), [requested(key)]);
        return effectsOf(effects);
      };
    const fitting = anEmitter(both(94));
    await feed(fitting, [aRecord({ version: 1 })]);
    expect(emitted(fitting.client)).toHaveLength(3);

    const rig = anEmitter(both(95), { attempts: 1 });
    await feed(rig, [aRecord({ version: 1 })]);
    expect(failureOf(rig)).toMatchObject({ code: 'too-many-actions', details: { got: 98, max: 97 } });
    expect(failureOf(rig).message).toContain('emitted');
    expect(emitted(rig.client)).toEqual([]);
  });

  it('count the bytes of both', async () => {
    const large: Placed = (_, { emit }) => {
      for (let key = 0; key < 7; key++) emit(shipment(`${key}`), [requested('x'.repeat(300_000))]);
      return Array.from({ length: 7 }, (__, at) => ({
        Put: { TableName: 'effects', Item: { id: `e-${at}`, data: 'x'.repeat(300_000) } },
      }));
    };
    const rig = anEmitter(large, { attempts: 1 });
    await feed(rig, [aRecord({ version: 1 })]);
    expect(failureOf(rig).code).toBe('transaction-too-large');
  });
});

describe('a version', () => {
  it('that another writer has taken runs the handler again, which decides on fresh data', async () => {
    const client = new MemoryClient();
    let read = 0;
    const rig = anEmitter(
      (_, { emit }) => {
        emit({ ...shipment(), version: ++read }, [requested('42', read)]);
      },
      {},
      client,
    );
    await feed(anEmitter(emitting({ ...shipment(), version: 1 }, requested()), {}, client), [aRecord({ version: 1 })]);

    await feed(rig, [aRecord({ version: 2 })]);

    expect(failureOf(rig)).toMatchObject({
      code: 'version-conflict',
      details: { aggregate: 'shipment', key: '42', version: 1 },
    });
    expect(emitted(client).map(({ sk }) => Number(sk))).toEqual([1, 2]);
  });
});

describe('the events of a key without versions', () => {
  it('have positions in the order in which their causes were applied, although a clock goes back', async () => {
    let now = NOW + 60_000;
    const own = { now: () => now };
    const client = new MemoryClient();
    const positions: string[] = [];
    for (let version = 1; version <= 6; version++) {
      const outbox = createOutbox({
        tableName: 'outbox',
        service: 's',
        region: 'local',
        events: shipments,
        clock: own,
      });
      // A new consumer each time, as after a rebalance.
      await feed(anEmitter(requesting, { clock: own, outbox }, client), [aRecord({ version })]);
      positions.push(emitted(client).find(({ causationId }) => causationId?.includes(`${version}.`))?.sk ?? '');
      now -= 20_000;
    }
    expect(positions).toEqual(positions.toSorted());
    expect(new Set(positions).size).toBe(6);
  });
});

describe('the cause', () => {
  const caused = async (change: Parameters<typeof aRecord>[0]) => {
    const rig = anEmitter();
    await feed(rig, [aRecord({ version: 1, ...change })]);
    return emitted(rig.client)[0]!;
  };
  const header = (name: string, text: string) => ({ headers: { [name]: Buffer.from(text) } });

  it('is the consumed event, which begins a flow of its own if it belongs to none', async () => {
    expect(await caused({ id: 'o-1' })).toMatchObject({ causationId: 'o-1', correlationId: 'o-1' });
  });

  it('hands on its flow', async () => {
    const item = await caused({ id: 'o-1', ...header('ce_correlationid', 'checkout-1') });
    expect(item).toMatchObject({ causationId: 'o-1', correlationId: 'checkout-1' });
  });

  it('that no header could hold is left out, and its event is emitted all the same', async () => {
    for (const id of ['a\nb', 'x'.repeat(100_000)]) {
      const item = await caused({ id, ...header('ce_correlationid', id) });
      expect(item.causationId).toBeUndefined();
      expect(item.correlationId).toBeUndefined();
    }
  });

  it('of the consumed event is in the context of its handler', async () => {
    const seen: unknown[] = [];
    const rig = anEmitter((_, { causationId, correlationId }) => void seen.push({ causationId, correlationId }));
    const headers = { ce_causationid: Buffer.from('payment-7'), ce_correlationid: Buffer.from('checkout-1') };

    await feed(rig, [aRecord({ version: 1, headers }), aRecord({ version: 2 })]);

    expect(seen).toEqual([
      { causationId: 'payment-7', correlationId: 'checkout-1' },
      { causationId: undefined, correlationId: undefined },
    ]);
  });
});

describe('ids', () => {
  const emittedFor = async (record: ConsumedRecord, placed = requesting, options = {}) => {
    const rig = anEmitter(placed, options);
    await feed(rig, [record]);
    return idsOf(rig.client);
  };
  const two: Placed = (_, { emit }) => {
    emit(shipment(), [requested('a'), requested('b')]);
    emit(shipment('43'), [requested('c')]);
  };

  it('are the same when the inbox was lost, so that consumers know the repetition', async () => {
    const record = aRecord({ version: 1, id: 'o-1' });
    const [first, again] = [await emittedFor(record, two), await emittedFor(record, two)];
    expect(first).toEqual(again);
    expect(new Set(first).size).toBe(3);
    for (const id of first) expect(id).toMatch(UUID_V8);
  });

  it('differ by the consumed event, its source, the consumer, the replay and the type', async () => {
    const replay = aRecord({ version: 1, id: 'o-1', headers: { 'outbox-replay': Buffer.from('r-1') } });
    const refusing = emitting(shipment(), { type: 'shipment.refused', data: { orderId: '42' } });
    const ids = await Promise.all([
      emittedFor(aRecord({ version: 1, id: 'o-1' })),
      emittedFor(aRecord({ version: 1, id: 'o-2' })),
      emittedFor(aRecord({ version: 1, id: 'o-1', source: '/other/order' })),
      emittedFor(aRecord({ version: 1, id: 'o-1' }), requesting, { name: 'billing' }),
      emittedFor(replay, requesting, { onReplay: 'apply' }),
      emittedFor(aRecord({ version: 1, id: 'o-1' }), refusing),
    ]);
    expect(new Set(ids.flat()).size).toBe(6);
  });

  it('of the handler are kept', async () => {
    const placed = emitting(shipment(), { ...requested(), id: 'mine' });
    expect(await emittedFor(aRecord({ version: 1 }), placed)).toEqual(['mine']);
  });
});

describe('the trace', () => {
  const span = (traceId: string) => ({ traceId, spanId: '1'.repeat(16), traceFlags: TraceFlags.SAMPLED });
  const inSpan = <T>(traceId: string, run: () => T): T =>
    context.with(trace.setSpan(context.active(), trace.wrapSpanContext(span(traceId))), run);
  const traced = async (headers: Record<string, string>, placed = requesting) => {
    const rig = anEmitter(placed);
    const bytes = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]));
    await feed(rig, [aRecord({ version: 1, headers: bytes })]);
    const { traceparent, tracestate } = emitted(rig.client)[0]!;
    return { traceparent, tracestate };
  };
  const OWN = 'c'.repeat(32);
  const AROUND = 'd'.repeat(32);

  beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterAll(() => context.disable());

  it('is that of the consumed event', async () => {
    const headers = { traceparent: TRACEPARENT, tracestate: 'a=1' };
    expect(await traced(headers)).toEqual(headers);
  });

  it('is the span that the handler has started', async () => {
    const own: Placed = (event, handling) => inSpan(OWN, () => requesting(event, handling));
    expect(await traced({ traceparent: TRACEPARENT }, own)).toEqual({ traceparent: `00-${OWN}-${'1'.repeat(16)}-01` });
  });

  it('is not the span around the handler, which may belong to another batch, unless there is no other', async () => {
    expect(await inSpan(AROUND, () => traced({ traceparent: TRACEPARENT }))).toEqual({ traceparent: TRACEPARENT });
    expect(await inSpan(AROUND, () => traced({}))).toEqual({ traceparent: `00-${AROUND}-${'1'.repeat(16)}-01` });
  });

  it('of another producer that is malformed is left out', async () => {
    expect(await traced({ traceparent: '00-1-2-01', tracestate: 'a=1' })).toEqual({});
    expect(await traced({ traceparent: TRACEPARENT, tracestate: '?' })).toEqual({ traceparent: TRACEPARENT });
  });
});

describe('handlers of several events', () => {
  /** The outbox keys of each written transaction. */
  const keysOf = (client: MemoryClient): string[][] => {
    const keys: string[][] = [];
    client.beforeWrite = (entries) =>
      void keys.push(entries.flatMap(({ Put }) => (Put?.TableName === 'outbox' ? [String(Put.Item?.['pk'])] : [])));
    return keys;
  };
  const records = (keys: readonly string[]) => keys.map((key) => aRecord({ key, version: 1 }));

  it('that emit for keys of their own share a transaction', async () => {
    const rig = anEmitter();
    const keys = keysOf(rig.client);
    await feed(rig, records(['a', 'b', 'c']));
    expect(keys).toEqual([['shipment#a', 'shipment#b', 'shipment#c']]);
  });

  it('that emit for one key never share one: the outbox has one item for each key and transaction', async () => {
    const rig = anEmitter(emitting(shipment('all'), requested()));
    const keys = keysOf(rig.client);
    await feed(rig, records(['a', 'b', 'c', 'd']));
    expect(keys).toEqual(Array.from({ length: 4 }, () => ['shipment#all']));
    expect(emitted(rig.client)).toHaveLength(4);
    expect(rig.told.of('attemptFailed')).toEqual([]);
  });

  it('of one key share one, unless they emit for one key: then each has its own, and none runs twice for long', async () => {
    const runs: string[] = [];
    const noting =
      (target: (id: string) => string): Placed =>
      ({ id }, { emit }) => {
        runs.push(id);
        emit(shipment(target(id)), [requested()]);
      };
    const versions = Array.from({ length: 12 }, (_, at) => aRecord({ version: at + 1 }));
    const options = { eventsOfKeyPerTransaction: 4 };

    const apart = anEmitter(
      noting((id) => id),
      options,
    );
    await feed(apart, versions);
    expect(apart.client.transactions).toBeLessThan(12);
    expect(emitted(apart.client)).toHaveLength(12);

    runs.length = 0;
    const same = anEmitter(
      noting(() => 'all'),
      options,
    );
    await feed(same, versions);
    expect(same.client.transactions).toBe(12);
    expect(emitted(same.client).map(({ causationId }) => causationId)).toHaveLength(12);
    expect(runs.length).toBeLessThanOrEqual(12 + 4);
  });
});

it('an outbox that is none is refused', () => {
  for (const outbox of [{}, 'outbox', { items: true }]) {
    expect(() => anEmitter(requesting, { outbox: outbox as never })).toThrow(
      expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option: 'outbox' }) }),
    );
  }
});
