import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  CHANNELS,
  consumerChannel,
  processChannel,
  relayChannel,
  sendChannel,
  writeChannel,
  type ConsumerReport,
  type ProcessMessage,
  type RelayReport,
  type SendMessage,
  type WriteMessage,
} from '../../../lib/channels';
import type { TransactionClient } from '../../../lib';
import { SILENT } from '../../../lib/consume/telemetry';
import { aConsumer, aKit, place } from '../testing/shop';

const PARTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
type Seen = { readonly part: string; readonly message: unknown };
const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop()));

/** Every message of a tracing channel from now on, with a copy of the message as it was then. */
function recorded(name: string): Seen[] {
  const seen: Seen[] = [];
  for (const part of PARTS) {
    const listener = (message: unknown) => void seen.push({ part, message: { ...(message as object) } });
    subscribe(`tracing:${name}:${part}`, listener);
    stops.push(() => unsubscribe(`tracing:${name}:${part}`, listener));
  }
  return seen;
}

function reports<Report>(channel: {
  subscribe(listener: (report: Report) => void): void;
  unsubscribe(listener: (report: Report) => void): boolean;
}): Report[] {
  const seen: Report[] = [];
  const listener = (report: Report) => void seen.push(report);
  channel.subscribe(listener);
  stops.push(() => channel.unsubscribe(listener));
  return seen;
}

const partsOf = (seen: readonly Seen[]) => seen.map(({ part }) => part);
const lastOf = (seen: readonly Seen[]): unknown => seen.at(-1)?.message;

describe('the channel of writes', () => {
  it('shows a transaction from its start to its end', async () => {
    const kit = aKit();
    const seen = recorded(CHANNELS.write);
    await place(kit, '42', 5, { sku: 'hat' });

    expect(partsOf(seen)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(seen[0]?.message).toEqual({
      operation: 'transact',
      tableName: 'outbox',
      service: 'test',
      region: 'in-memory',
      traceContext: 'active-span',
    });
    expect(lastOf(seen)).toMatchObject({
      alreadyWritten: false,
      events: [
        { type: 'order.placed', topic: 'orders', key: '42', source: '/test/order', bytes: 11 },
        { type: 'stock.reserved', topic: 'stock', key: 'hat', source: '/test/stock' },
      ],
    });
  });

  it('shows a refused transaction with its error, and the caller gets the same', async () => {
    const kit = aKit();
    await place(kit, '42', 5);
    const seen = recorded(CHANNELS.write);
    const failure: unknown = await place(kit, '42', 6).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'version-conflict' });
    expect(partsOf(seen)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect((lastOf(seen) as WriteMessage).error).toBe(failure);
  });

  it('shows why events have no trace of the active span', async () => {
    const kit = aKit();
    const seen = recorded(CHANNELS.write);
    const event = { type: 'order.placed', data: { total: 5 } } as const;
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await kit.outbox.items({ aggregate: 'order', key: '1' }, [event], { traceContext: { traceparent } });
    await kit.outbox.items({ aggregate: 'order', key: '2' }, [event], { requestId: 'r', committedAt: Date.now() });

    const ends = seen.filter(({ part }) => part === 'asyncEnd').map(({ message }) => message as WriteMessage);
    expect(ends).toMatchObject([
      { operation: 'items', traceContext: 'option', events: [{ traceparent }] },
      { operation: 'items', traceContext: 'none', events: [{ key: '2' }] },
    ]);
    expect(ends[1]?.events?.[0]?.traceparent).toBeUndefined();
  });

  it('shows that a repeated request had committed before', async () => {
    const kit = aKit();
    const request = {
      changes: [{ aggregate: 'order', key: '1', events: [{ type: 'order.placed' as const, data: { total: 5 } }] }],
      requestId: 'request-1',
      committedAt: Date.now(),
    };
    await kit.outbox.transact(kit.client, request);
    const { Items = [] } = await kit.client.scan({ TableName: 'outbox' });
    expect(Items).toHaveLength(1);
    const seen = recorded(CHANNELS.write);
    // Without its token, as after DynamoDB has forgotten the first request.
    const later: TransactionClient = {
      transactWrite: ({ TransactItems }) => kit.client.transactWrite({ TransactItems }),
    };
    await kit.outbox.transact(later, request);
    expect(lastOf(seen)).toMatchObject({ alreadyWritten: true });
  });
});

describe('the channels of the relay', () => {
  it('show each batch with the place that Kafka gave it', async () => {
    const kit = aKit();
    await place(kit, '42', 5, { sku: 'hat' });
    const seen = recorded(CHANNELS.send);
    const facts = reports<RelayReport>(relayChannel);
    await kit.relay();

    expect(partsOf(seen)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    const { outbox, batches, outcomes } = lastOf(seen) as SendMessage;
    expect(outbox).toBe('outbox');
    expect(batches.map(({ topic, events }) => [topic, events.map(({ key }) => key)])).toEqual([
      ['orders', ['42']],
      ['stock', ['hat']],
    ]);
    expect(outcomes).toEqual([
      { kind: 'acked', baseOffset: 0n },
      { kind: 'acked', baseOffset: 0n },
    ]);
    expect(facts.map(({ report }) => report)).toEqual(['received', 'published', 'finished']);
    expect(facts[1]).toMatchObject({
      outbox: 'outbox',
      bytes: 25,
      latencyMs: [expect.any(Number), expect.any(Number)],
    });
  });

  it('show what Kafka refuses, and that the item is parked', async () => {
    const kit = aKit();
    kit.refuse(() => 'message-too-large');
    await place(kit, '42', 5);
    const seen = recorded(CHANNELS.send);
    const facts = reports<RelayReport>(relayChannel);
    await expect(kit.relay()).resolves.toMatchObject({ parked: 1 });

    expect((lastOf(seen) as SendMessage).outcomes).toMatchObject([{ kind: 'poison', reason: 'message-too-large' }]);
    expect(facts).toContainEqual(
      expect.objectContaining({ report: 'parked', pk: 'order#42', reason: 'message-too-large' }),
    );
  });
});

describe('the channels of a consumer', () => {
  it('show each attempt, and the report of its end', async () => {
    const kit = aKit();
    await place(kit, '42', 5);
    await kit.relay();
    const seen = recorded(CHANNELS.process);
    const facts = reports<ConsumerReport>(consumerChannel);
    const { consumer } = aConsumer(kit.client);
    await kit.deliver(consumer);

    expect(partsOf(seen)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(lastOf(seen)).toMatchObject({
      consumer: 'shipping',
      attempt: 1,
      isRepeated: false,
      outcome: 'applied',
      events: [{ type: 'order.placed', topic: 'orders', key: '42', offset: 0n, bytes: 11 }],
    });
    expect(facts).toMatchObject([{ report: 'applied', consumer: 'shipping', event: { key: '42' } }]);
  });

  it('show a failed attempt with the error of the handler', async () => {
    const kit = aKit();
    await place(kit, '42', 5);
    await kit.relay();
    const broken = new Error('no stock');
    let calls = 0;
    const { consumer } = aConsumer(kit.client, {
      retry: { initialDelayMs: 1, maxDelayMs: 1 },
      handlers: {
        'order.placed': () => {
          if (++calls === 1) throw broken;
        },
      },
    });
    const seen = recorded(CHANNELS.process);
    const facts = reports<ConsumerReport>(consumerChannel);
    await kit.deliver(consumer);

    const ends = seen.filter(({ part }) => part === 'asyncEnd').map(({ message }) => message as ProcessMessage);
    expect(ends).toMatchObject([
      { attempt: 1, isRepeated: false, error: broken },
      { attempt: 2, isRepeated: true, outcome: 'applied' },
    ]);
    expect(facts.map(({ report }) => report)).toEqual(['attemptFailed', 'applied']);
  });

  it('show several events of one key that share a transaction as one attempt', async () => {
    const kit = aKit();
    await place(kit, '42', 1);
    await place(kit, '42', 2, { version: 2 });
    await kit.relay();
    const seen = recorded(CHANNELS.process);
    const { consumer } = aConsumer(kit.client, {
      eventsOfKeyPerTransaction: 5,
      handlers: { 'order.placed': ({ id }) => [{ Put: { TableName: 'shipments', Item: { id } } }] },
    });
    await kit.deliver(consumer);

    expect(partsOf(seen)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect((lastOf(seen) as ProcessMessage).events.map(({ offset }) => offset)).toEqual([0n, 1n]);
  });

  it('report missing topics as such only if the telemetry can', () => {
    const { consumer } = aConsumer(aKit().client);
    expect(consumer.settings.telemetry.topicsMissing).toBeInstanceOf(Function);
    const { topicsMissing: _, ...older } = SILENT;
    const { consumer: limited } = aConsumer(aKit().client, { telemetry: older });
    expect(limited.settings.telemetry.topicsMissing).toBeUndefined();
  });
});

describe('a process without subscribers', () => {
  it('builds no message', async () => {
    const published = [writeChannel, sendChannel, processChannel].flatMap((channel) =>
      PARTS.map((part) => jest.spyOn(channel[part], 'publish')),
    );
    const reported = [relayChannel, consumerChannel].map((channel) => jest.spyOn(channel, 'publish'));
    const kit = aKit();
    await place(kit, '42', 5);
    await kit.relay();
    await kit.deliver(aConsumer(kit.client).consumer);
    for (const spy of [...published, ...reported]) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});

describe('a subscriber that throws', () => {
  it('changes no result', async () => {
    // Node.js hands the error to the process; Jest's own handlers would end the test.
    const handlers = process.listeners('uncaughtException');
    const uncaught: unknown[] = [];
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    const fail = (): never => {
      throw new Error('a broken subscriber');
    };
    const names = [CHANNELS.write, CHANNELS.send, CHANNELS.process].flatMap((name) =>
      PARTS.map((part) => `tracing:${name}:${part}`),
    );
    const all = [...names, CHANNELS.relay, CHANNELS.consumer];
    try {
      for (const name of all) subscribe(name, fail);
      const kit = aKit();
      await place(kit, '42', 5);
      await expect(kit.relay()).resolves.toEqual({ published: 1, parked: 0, pending: 0, waiting: 0 });
      const { consumer } = aConsumer(kit.client);
      await expect(kit.deliver(consumer)).resolves.toMatchObject({ applied: 1, deadLetters: [], parked: [] });
      await new Promise(setImmediate);
      expect(uncaught.length).toBeGreaterThan(all.length / 2);
    } finally {
      for (const name of all) unsubscribe(name, fail);
      process.removeAllListeners('uncaughtException');
      for (const handler of handlers) process.on('uncaughtException', handler);
    }
  });
});
