import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createConsumer } from '../../../lib/consumer';
import { traceOutbox } from '../../../lib/otel';
import { aConsumer, aKit, events, place } from '../testing/shop';

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = tracerProvider.getTracer('the service');
let prometheus: PrometheusExporter;
let meterProvider: MeterProvider;
let stop = (): void => undefined;

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterAll(() => {
  context.disable();
  propagation.disable();
});
beforeEach(() => {
  exporter.reset();
  prometheus = new PrometheusExporter({ preventServerStart: true });
  meterProvider = new MeterProvider({ readers: [prometheus] });
  stop = traceOutbox({ tracerProvider, meterProvider });
});
afterEach(async () => {
  stop();
  await meterProvider.shutdown();
});

const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);
const only = (name: string): ReadableSpan => {
  const [span, ...others] = spans(name);
  if (span === undefined || others.length > 0) {
    const names = exporter.getFinishedSpans().map((each) => each.name);
    throw new Error(`Not exactly one span "${name}" in ${names.join(', ')}`);
  }
  return span;
};
const linked = ({ links }: ReadableSpan): string[] => links.map(({ context: { traceId, spanId } }) => traceId + spanId);
const idOf = (span: ReadableSpan): string => span.spanContext().traceId + span.spanContext().spanId;
const inRequest = <T>(work: () => Promise<T>): Promise<T> =>
  tracer.startActiveSpan('POST /orders', (span) => work().finally(() => span.end()));

/** The lines that Prometheus would scrape, without labels of the SDK. */
async function scraped(): Promise<string[]> {
  const { resourceMetrics, errors } = await prometheus.collect();
  expect(errors).toEqual([]);
  return new PrometheusSerializer()
    .serialize(resourceMetrics)
    .split('\n')
    .map((line) => line.replace(/,?otel_scope_\w+="[^"]*"/g, '').replace('{,', '{'));
}

test('one trace leads from the request over the relay to the effect and the events of the handler', async () => {
  const kit = aKit();
  await inRequest(() => place(kit, '42', 5));
  await kit.relay();
  const ofHandler: (string | undefined)[] = [];
  const emitted: (string | undefined)[] = [];
  const consumer = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client: kit.client,
    events,
    outbox: kit.outbox,
    handlers: {
      'order.placed': (_event, { emit }) => {
        ofHandler.push(trace.getActiveSpan()?.spanContext().spanId);
        emit({ aggregate: 'stock', key: 'hat' }, [{ type: 'stock.reserved', data: { quantity: 1 } }]);
        return [{ Put: { TableName: 'shipments', Item: { id: '42' } } }];
      },
    },
  });
  await kit.deliver(consumer);
  await kit.relay();
  emitted.push(...kit.published.map(({ record }) => String(record.headers['traceparent'])));

  const request = only('POST /orders');
  const create = only('create orders');
  expect(create.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
  expect(create.kind).toBe(SpanKind.PRODUCER);
  const send = only('send orders');
  expect(send.kind).toBe(SpanKind.CLIENT);
  expect(send.parentSpanContext).toBeUndefined();
  expect(linked(send)).toEqual([idOf(create)]);
  const process = only('process orders');
  expect(process.kind).toBe(SpanKind.CONSUMER);
  expect(process.parentSpanContext).toBeUndefined();
  expect(linked(process)).toEqual([idOf(create)]);
  // The handler runs in the span, and so its events lead to it.
  expect(ofHandler).toEqual([process.spanContext().spanId]);
  expect(linked(only('send stock'))).toEqual([idOf(process)]);
  expect(emitted[0]).toBe(`00-${create.spanContext().traceId}-${create.spanContext().spanId}-01`);
  expect(emitted[1]).toBe(`00-${process.spanContext().traceId}-${process.spanContext().spanId}-01`);
});

test('spans have the attributes of the conventions', async () => {
  const kit = aKit();
  await place(kit, '42', 5);
  await kit.relay();
  await kit.deliver(aConsumer(kit.client).consumer);
  const [{ id, record } = { id: '', record: undefined }] = kit.published;
  const system = { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders' };
  const partition = String(record?.partition);

  expect(only('create orders').attributes).toEqual({
    ...system,
    'messaging.operation.name': 'create',
    'messaging.operation.type': 'create',
    'messaging.message.id': id,
  });
  expect(only('send orders').attributes).toEqual({
    ...system,
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.partition.id': partition,
    'messaging.batch.message_count': 1,
    'messaging.message.id': id,
    'messaging.kafka.offset': 0,
  });
  expect(only('process orders').attributes).toEqual({
    ...system,
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.partition.id': partition,
    'messaging.consumer.group.name': 'shipping',
    'messaging.message.id': id,
    'messaging.kafka.offset': 0,
    'dynamodb_outbox.attempt': 1,
    'dynamodb_outbox.outcome': 'applied',
  });
  for (const span of exporter.getFinishedSpans()) expect(span.status.code).toBe(SpanStatusCode.UNSET);
});

test('a batch links to the creator of each of its events, and each link names its event', async () => {
  const kit = aKit({ topics: { orders: 1 } });
  for (const key of ['1', '2', '3']) await place(kit, key, 5);
  await kit.relay();

  const send = only('send orders');
  expect(send.attributes['messaging.batch.message_count']).toBe(3);
  expect(send.attributes['messaging.message.id']).toBeUndefined();
  expect(linked(send)).toEqual(spans('create orders').map(idOf));
  expect(send.links.map(({ attributes }) => attributes?.['messaging.message.id'])).toEqual(
    kit.published.map(({ id }) => id),
  );
});

test('events of one key that share a transaction share a span, and count once each even if they cannot', async () => {
  const kit = aKit();
  await place(kit, '42', 1);
  await place(kit, '42', 2, { version: 2 });
  await kit.relay();
  const handlers = {
    'order.placed': ({ id }: { id: string }) => [{ Put: { TableName: 'shipments', Item: { id } } }],
  };
  await kit.deliver(aConsumer(kit.client, { eventsOfKeyPerTransaction: 5, handlers }).consumer);
  const process = only('process orders');
  expect(process.attributes).toMatchObject({ 'messaging.batch.message_count': 2 });
  expect(linked(process)).toEqual(spans('create orders').map(idOf));
  expect(process.links.map(({ attributes }) => attributes?.['messaging.kafka.offset'])).toEqual([0, 1]);

  // Both effects are on one item, which a transaction may not contain twice.
  const { consumer } = aConsumer(kit.client, { name: 'billing', eventsOfKeyPerTransaction: 5 });
  await expect(kit.deliver(consumer)).resolves.toMatchObject({ applied: 2 });
  expect(spans('process orders').map(({ status }) => status.code)).toEqual([
    SpanStatusCode.UNSET,
    SpanStatusCode.ERROR,
    SpanStatusCode.UNSET,
    SpanStatusCode.UNSET,
  ]);
  for (const group of ['shipping', 'billing']) {
    const counted = `^messaging_client_consumed_messages_total{.*group_name="${group}".*} 2`;
    expect(await scraped()).toContainEqual(expect.stringMatching(new RegExp(counted)));
  }
});

test('failures have a status and an error type, and no message that could hold data', async () => {
  const kit = aKit();
  await place(kit, '42', 5);
  await expect(place(kit, '42', 6)).rejects.toThrow();
  kit.refuse(() => 'message-refused');
  await kit.relay();
  kit.refuse(() => undefined);
  await place(kit, '7', 7);
  await kit.relay();
  let calls = 0;
  const { consumer } = aConsumer(kit.client, {
    retry: { initialDelayMs: 1, maxDelayMs: 1 },
    handlers: {
      'order.placed': () => {
        if (++calls === 1) throw new RangeError('42 is too much');
      },
    },
  });
  await kit.deliver(consumer);

  const failures = exporter.getFinishedSpans().filter(({ status }) => status.code === SpanStatusCode.ERROR);
  expect(failures.map(({ name, attributes, status }) => [name, attributes['error.type'], status.message])).toEqual([
    ['create orders', 'version-conflict', undefined],
    ['send orders', 'message-refused', undefined],
    ['process orders', 'RangeError', undefined],
  ]);
  const lines = await scraped();
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^messaging_client_sent_messages_total{.*error_type="message-refused".*} 1/),
      // Once for each delivery, and not for each attempt.
      expect.stringMatching(/^messaging_client_consumed_messages_total{.*error_type="RangeError".*} 1/),
      expect.stringMatching(/^dynamodb_outbox_relay_reports_total{.*report="parked".*} 1/),
      expect.stringMatching(/^dynamodb_outbox_consumer_reports_total{.*report="attemptFailed".*} 1/),
    ]),
  );
  expect(lines.filter((line) => line.startsWith('messaging_client_consumed_messages_total{'))).toHaveLength(1);
  expect(lines.filter((line) => line.startsWith('messaging_process_duration_count{'))).toHaveLength(2);
});

test('Prometheus scrapes the metrics of the conventions over HTTP', async () => {
  const kit = aKit();
  await place(kit, '42', 5);
  await kit.relay();
  await kit.deliver(aConsumer(kit.client).consumer);
  const server = createServer((request, response) => prometheus.getMetricsRequestHandler(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(get({ host: '127.0.0.1', port, agent: false }), 'response')) as [IncomingMessage];
  const body = await text(response);
  await once(server.close(), 'close');

  const named = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${String(name)} ${String(type)}`);
  expect(named).toEqual(
    expect.arrayContaining([
      'messaging_client_operation_duration histogram',
      'messaging_client_sent_messages_total counter',
      'messaging_client_consumed_messages_total counter',
      'messaging_process_duration histogram',
      'dynamodb_outbox_relay_latency histogram',
      'dynamodb_outbox_consumer_latency histogram',
    ]),
  );
});

describe('the creation context of a write', () => {
  test('is the active span if writes have no span of their own', async () => {
    stop();
    stop = traceOutbox({ tracerProvider, meterProvider, createSpans: false });
    const kit = aKit();
    await inRequest(() => place(kit, '42', 5));
    await kit.relay();

    const request = only('POST /orders');
    expect(spans('create orders')).toEqual([]);
    expect(linked(only('send orders'))).toEqual([idOf(request)]);
    expect(await scraped()).toContainEqual(
      expect.stringMatching(/^messaging_client_operation_duration_count{.*operation_name="create".*} 1/),
    );
  });

  test('is the one that the caller passes, without a span', async () => {
    const kit = aKit();
    const traceContext = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=1' };
    const event = { type: 'order.placed', data: { total: 5 } } as const;
    await kit.outbox.transact(kit.client, {
      changes: [{ aggregate: 'order', key: '1', events: [event] }],
      traceContext,
    });
    await kit.relay();

    expect(spans('create orders')).toEqual([]);
    const [link] = only('send orders').links;
    expect(link?.context).toMatchObject({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isRemote: true });
    expect(link?.context.traceState?.serialize()).toBe('vendor=1');
  });

  test('is missing with a request id, because a retry must be the same request', async () => {
    const kit = aKit();
    const request = {
      changes: [{ aggregate: 'order', key: '1', events: [{ type: 'order.placed' as const, data: { total: 5 } }] }],
      requestId: 'request-1',
      committedAt: Date.now(),
    };
    await kit.outbox.transact(kit.client, request);
    await kit.outbox.transact(kit.client, request);
    await kit.relay();

    expect(spans('create orders')).toHaveLength(2);
    expect(only('send orders').links).toEqual([]);
  });
});

test('an SDK that starts later gets spans and metrics', async () => {
  stop();
  stop = traceOutbox();
  try {
    const kit = aKit();
    await place(kit, '1', 1);
    trace.setGlobalTracerProvider(tracerProvider);
    metrics.setGlobalMeterProvider(meterProvider);
    await place(kit, '2', 2);

    expect(spans('create orders')).toHaveLength(1);
    expect(await scraped()).toContainEqual(
      expect.stringMatching(/^messaging_client_operation_duration_count{.*operation_name="create".*} 1/),
    );
  } finally {
    trace.disable();
    metrics.disable();
  }
});

test('an SDK that throws changes no result, and becomes a warning', async () => {
  stop();
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation();
  const broken = (): never => {
    throw new Error('the exporter is full');
  };
  stop = traceOutbox({
    tracerProvider: { getTracer: () => ({ startSpan: broken, startActiveSpan: broken }) },
    meterProvider,
  });
  const kit = aKit();
  await place(kit, '42', 5);
  await expect(kit.relay()).resolves.toMatchObject({ published: 1 });
  await expect(kit.deliver(aConsumer(kit.client).consumer)).resolves.toMatchObject({ applied: 1 });
  expect(warn).toHaveBeenCalledWith('the exporter is full', { type: 'OutboxOpenTelemetryWarning' });
  warn.mockRestore();
});

test('after it is stopped there is nothing', async () => {
  stop();
  const kit = aKit();
  await place(kit, '42', 5);
  await kit.relay();
  expect(exporter.getFinishedSpans()).toEqual([]);
});

test.each([
  ['tracerProvider', { tracerProvider: {} }],
  ['meterProvider', { meterProvider: 'prometheus' }],
  ['createSpans', { createSpans: 'no' }],
])('the option "%s" is checked', (option, options) => {
  expect(() => traceOutbox(options as never)).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) as object }),
  );
});
