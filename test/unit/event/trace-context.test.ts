import { context, createTraceState, propagation, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import type * as TraceContextModule from '../../../lib/event/trace-context';
import { order42, orderOutbox, placed, refusal, REQUEST_ID, untyped } from '../write/order-outbox';

const outbox = orderOutbox();
const spanContext = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
};
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterAll(() => {
  context.disable();
  propagation.disable();
});

const inSpan = <T>(span: typeof spanContext & { traceState?: ReturnType<typeof createTraceState> }, run: () => T): T =>
  context.with(trace.setSpan(context.active(), trace.wrapSpanContext(span)), run);
const written = async (options = {}) => (await outbox.items(order42, [placed], options))[0]?.Put.Item;

test('the active span goes onto the item', async () => {
  const item = await inSpan(spanContext, () => written());
  expect(item).toMatchObject({ traceparent: TRACEPARENT });
  expect(item).not.toHaveProperty('tracestate');
});

test('its trace state goes with it', async () => {
  const item = await inSpan({ ...spanContext, traceState: createTraceState('vendor=1,other=2') }, () => written());
  expect(item).toMatchObject({ traceparent: TRACEPARENT, tracestate: 'vendor=1,other=2' });
});

test('a span that is not sampled says so', async () => {
  const item = await inSpan({ ...spanContext, traceFlags: TraceFlags.NONE }, () => written());
  expect(item).toMatchObject({ traceparent: TRACEPARENT.replace(/01$/, '00') });
});

test('without an active or valid span there is none', async () => {
  expect(await written()).not.toHaveProperty('traceparent');
  const invalid = { ...spanContext, traceId: '0'.repeat(32) };
  expect(await inSpan(invalid, () => written())).not.toHaveProperty('traceparent');
});

test('with a request id the span is left out, because a retry runs in another one', async () => {
  const item = await inSpan(spanContext, () => written({ requestId: REQUEST_ID }));
  expect(item).not.toHaveProperty('traceparent');
});

test('a context that is passed goes before the active one', async () => {
  const traceContext = { traceparent: TRACEPARENT.replace('0af', '1af'), tracestate: 'a=1' };
  const item = await inSpan(spanContext, () => written({ traceContext, requestId: REQUEST_ID }));
  expect(item).toMatchObject(traceContext);
});

test.each([
  ['traceContext', 'text'],
  ['traceContext.traceparent', { traceparent: 'abc' }],
  ['traceContext.tracestate', { traceparent: TRACEPARENT, tracestate: '' }],
  ['traceContext.baggage', { traceparent: TRACEPARENT, baggage: 'a=1' }],
])('%s must be as W3C describes it: %p', async (option, traceContext) => {
  const error = await refusal('invalid-option', () => written(untyped({ traceContext })));
  expect(error.details.option).toBe(option);
});

describe('where OpenTelemetry’s API', () => {
  /** A fresh copy of the module, which loads the package once. */
  const activeTraceContext = (load: () => never) => {
    jest.resetModules();
    jest.doMock('@opentelemetry/api', load);
    return jest.requireActual<typeof TraceContextModule>('../../../lib/event/trace-context').activeTraceContext();
  };
  const failure = (message: string) => Object.assign(new Error(message), { code: 'MODULE_NOT_FOUND' });
  afterEach(() => jest.dontMock('@opentelemetry/api'));

  test('is not installed, events have no trace', () => {
    const absent = () => {
      throw failure("Cannot find module '@opentelemetry/api'");
    };
    expect(activeTraceContext(absent)).toBeUndefined();
  });

  test('is installed but broken, the failure is not hidden', () => {
    const broken = () => {
      throw failure("Cannot find module './missing'");
    };
    expect(() => activeTraceContext(broken)).toThrow('./missing');
  });
});
