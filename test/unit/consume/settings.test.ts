import { createConsumer, runConsumer, type ConsumerOptions } from '../../../lib/consumer';
import { CONSUMER_DEFAULTS } from '../../../lib/consume/settings';
import { aRig, events, MemoryClient, type Definitions } from '../../builders/consume';

const valid: ConsumerOptions<Definitions> = {
  name: 'shipping',
  tableName: 'inbox',
  client: new MemoryClient(),
  events,
  handlers: {},
};

it('refuses to block for gaps that it makes itself', () => {
  expect(() => aRig({ onGap: 'block', onUnknownType: 'skip' })).toThrow(/"onGap".*skipped event is a gap/s);
});

it('has every default in one place', () => {
  expect(createConsumer(valid).settings).toMatchObject(CONSUMER_DEFAULTS);
  expect(createConsumer({ ...valid, attempts: undefined }).settings.attempts).toBe(CONSUMER_DEFAULTS.attempts);
});

it.each([
  ['name', { name: 'a b' }],
  ['tableName', { tableName: 'x' }],
  ['client', { client: {} }],
  ['events', { events: {} }],
  ['handlers', { handlers: [] }],
  ['handlers["order.placed"]', { handlers: { 'order.placed': 'apply' } }],
  ['onFailure', { onFailure: 'retry' }],
  ['onLate', { onLate: 'drop' }],
  ['onGap', { onGap: true }],
  ['attempts', { attempts: 0 }],
  ['handlerTimeoutMs', { handlerTimeoutMs: 0 }],
  ['concurrency', { concurrency: 1.5 }],
  ['eventsPerTransaction', { eventsPerTransaction: 100 }],
  ['retry.maxDelayMs', { retry: { initialDelayMs: 10, maxDelayMs: 5 } }],
  ['retry.factor', { retry: { initialDelayMs: 10, maxDelayMs: 50, factor: 2 } }],
  ['redriveIntervalMs', { redriveIntervalMs: -1 }],
  ['isOutage', { isOutage: true }],
  ['onFailed', { onFailed: 'block' }],
])('refuses a wrong "%s"', (option, change) => {
  expect(() => createConsumer({ ...valid, ...change } as never)).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
  );
});

it('refuses a handler of a type that is not in the catalogue', () => {
  expect(() => createConsumer(Object.assign({}, valid, { handlers: { 'order.lost': () => [] } }))).toThrow(
    expect.objectContaining({ code: 'unknown-event-type' }),
  );
});

it.each([
  ['topics', { topics: [] }],
  ['maxBuffered', { topics: ['orders'], maxBuffered: 0 }],
  ['from', { topics: ['orders'], from: 'start' }],
])('the kafkajs adapter refuses a wrong "%s"', async (option, change) => {
  await expect(runConsumer({ consumer: aRig().consumer, kafka: {}, ...change } as never)).rejects.toMatchObject({
    code: 'invalid-option',
    details: { option },
  });
});

it('types its handlers by the catalogue', () => {
  const consumer = createConsumer({
    ...valid,
    handlers: {
      'order.placed': ({ data }) => {
        data.total.toFixed(2);
        // @ts-expect-error the schema has no such field
        const price: unknown = data.price;
        return price === undefined ? undefined : [];
      },
    },
  });
  // @ts-expect-error no such type of event
  expect(() => createConsumer({ ...valid, handlers: { 'order.plaсed': () => [] } })).toThrow();
  expect(consumer.name).toBe('shipping');
});
