import { catalogue, orderOutbox, order42, placed, refusal, untyped } from './order-outbox';
import { createOutbox } from '../../../lib';

const region = process.env['AWS_REGION'];
afterEach(() => {
  if (region === undefined) delete process.env['AWS_REGION'];
  else process.env['AWS_REGION'] = region;
});

test('the region is the one of the Lambda environment', async () => {
  process.env['AWS_REGION'] = 'us-east-1';
  const [entry] = await orderOutbox({ region: undefined }).items(order42, [placed]);
  expect(entry?.Put.Item['region']).toBe('us-east-1');
});

test('without a region there is no outbox', async () => {
  delete process.env['AWS_REGION'];
  const error = await refusal('invalid-option', () => orderOutbox({ region: undefined }));
  expect(error.message).toContain('AWS_REGION');
});

test('without a clock the time is the machine’s', async () => {
  const outbox = createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events: catalogue });
  const before = Date.now();
  const [entry] = await outbox.items(order42, [placed]);
  expect(entry?.Put.Item['committedAt']).toBeGreaterThanOrEqual(before);
  expect(entry?.Put.Item['committedAt']).toBeLessThanOrEqual(Date.now());
});

test('the table may be given by its ARN', () => {
  expect(() =>
    orderOutbox({ tableName: 'arn:aws:dynamodb:eu-central-1:111122223333:table/shop-outbox' }),
  ).not.toThrow();
});

test.each([
  ['tableName', undefined],
  ['tableName', 'ab'],
  ['tableName', 'a b c'],
  ['service', ''],
  ['service', 'shop/orders'],
  ['events', undefined],
  ['events', { 'order.placed': {} }],
  ['region', 'eu central'],
  ['source', ''],
  ['source', 'a b'],
  ['maxMessageBytes', 0],
  ['maxMessageBytes', '1 MB'],
  ['clock', Date.now],
  ['clock', {}],
  ['table', 'shop-outbox'],
])('option %s %p is refused', async (option, got) => {
  const error = await refusal('invalid-option', () => orderOutbox(untyped({ [option]: got })));
  expect(error.details).toMatchObject({ option });
});

test('no options at all are refused with those that exist', async () => {
  const error = await refusal('invalid-option', () => createOutbox(untyped(undefined)));
  expect(error.message).toContain('tableName, service, events');
});
