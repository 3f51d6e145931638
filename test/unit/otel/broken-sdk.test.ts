import { context, ROOT_CONTEXT, type ContextManager } from '@opentelemetry/api';
import { InMemorySpanExporter, BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { TransactionClient } from '../../../lib';
import { traceOutbox } from '../../../lib/otel';
import { aConsumer, aKit, place } from '../testing/shop';

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const meterProvider = new MeterProvider();
const warnings: string[] = [];
let stop = (): void => undefined;

beforeEach(() => {
  warnings.length = 0;
  jest.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)));
});
afterEach(() => {
  stop();
  context.disable();
  jest.restoreAllMocks();
});

const broken = (): never => {
  throw new Error('no context');
};
const working: ContextManager = {
  active: () => ROOT_CONTEXT,
  with: (_active, work, self, ...given) => work.apply(self as never, given),
  bind: (_active, target) => target,
  enable: () => working,
  disable: () => working,
};

/** Writes, relays and consumes one event, and counts how often each was done. */
async function once(): Promise<object> {
  const kit = aKit();
  let written = 0;
  const client: TransactionClient = {
    transactWrite(input) {
      written++;
      return kit.client.transactWrite(input);
    },
  };
  await place({ client, outbox: kit.outbox }, '42', 5);
  const { published } = await kit.relay();
  const { consumer, handled } = aConsumer(kit.client);
  const { applied } = await kit.deliver(consumer);
  return { written, published, applied, handled: handled.length };
}
const ONCE = { written: 1, published: 1, applied: 1, handled: 1 };

test.each<[string, Partial<ContextManager>]>([
  ['throws before the work', { with: broken }],
  [
    'throws after the work has begun',
    {
      with: (_active, work, self, ...given) => {
        work.apply(self as never, given);
        return broken();
      },
    },
  ],
  ['does not run the work', { with: () => undefined as never }],
  [
    'runs the work twice',
    {
      with: (_active, work, self, ...given) => {
        work.apply(self as never, given);
        return work.apply(self as never, given);
      },
    },
  ],
  ['does not know the active context', { active: broken }],
])('a context manager that %s changes no result', async (_, methods) => {
  stop = traceOutbox({ tracerProvider, meterProvider });
  context.setGlobalContextManager({ ...working, ...methods });
  await expect(once()).resolves.toEqual(ONCE);
});

test('a failure that repeats is warned of once, and then ever more rarely', async () => {
  stop = traceOutbox({ tracerProvider: { getTracer: broken }, meterProvider });
  const kit = aKit();
  for (let key = 0; key < 20; key++) await place(kit, String(key), 1);
  expect(warnings).toEqual(['no context']);
});
