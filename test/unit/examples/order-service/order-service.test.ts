import {
  DynamoDBDocumentClient,
  DynamoDBDocument,
  GetCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createOrderService } from '../../../../examples/order-service/order-service';

const dynamodb = mockClient(DynamoDBDocumentClient);
const service = createOrderService({
  database: DynamoDBDocument.from(new DynamoDBClient({ region: 'eu-central-1' })),
  ...{ ordersTable: 'orders', outboxTable: 'outbox', region: 'eu-central-1' },
});

const lines = [
  { sku: 'hat', quantity: 1, unitPrice: 100 },
  { sku: 'bag', quantity: 2, unitPrice: 300 },
];
const order = { orderId: '7', customerId: '1', lines, total: 700, status: 'placed', version: 1 };

const stored = (rows: Record<string, object>) => {
  for (const [pk, row] of Object.entries(rows))
    dynamodb.on(GetCommand, { Key: { pk } }).resolves({ Item: { pk, ...row } });
};

const cancelled = (...codes: string[]) =>
  new TransactionCanceledException({
    $metadata: {},
    message: 'Transaction cancelled',
    CancellationReasons: codes.map((Code) => ({ Code })),
  });

const requests = (): TransactWriteCommandInput[] =>
  dynamodb.commandCalls(TransactWriteCommand).map(({ args }) => args[0].input);

const keysOf = ({ TransactItems = [] }: TransactWriteCommandInput, table: string): unknown[][] =>
  TransactItems.flatMap(({ Put }) => (Put?.TableName === table ? [[Put.Item?.['pk'], Put.Item?.['sk']]] : []));

beforeEach(() => {
  dynamodb.reset();
  dynamodb.on(GetCommand).resolves({});
  dynamodb.on(TransactWriteCommand).resolves({});
});

describe('the order service', () => {
  it('writes order, articles and the events of all three in one transaction', async () => {
    stored({
      'stock#hat': { sku: 'hat', available: 5, version: 3 },
      'stock#bag': { sku: 'bag', available: 5, version: 8 },
    });
    await service.place({ orderId: '7', customerId: '1', lines });
    const [request, ...more] = requests();
    expect(more).toEqual([]);
    expect(keysOf(request!, 'orders').map(([pk]): unknown => pk)).toEqual(['order#7', 'stock#hat', 'stock#bag']);
    expect(keysOf(request!, 'outbox')).toEqual([
      ['order#7', '0000000000000001'],
      ['stock#hat', '0000000000000004'],
      ['stock#bag', '0000000000000009'],
    ]);
  });

  it('writes only over the version that it has read', async () => {
    stored({ 'order#7': { ...order, version: 6 } });
    await service.pay('7');
    expect(requests()[0]?.TransactItems?.[0]?.Put).toMatchObject({
      Item: { status: 'paid', version: 7 },
      ConditionExpression: 'version = :read',
      ExpressionAttributeValues: { ':read': 6 },
    });
  });

  it('answers with the token of the order, whatever else it wrote', async () => {
    stored({ 'stock#hat': { sku: 'hat', available: 5, version: 3 } });
    const { token } = await service.place({ orderId: '7', customerId: '1', lines: lines.slice(0, 1) });
    expect(token).toMatchObject({
      ...{ aggregate: 'order', key: '7', position: '0000000000000001' },
      topics: { orders: { sequence: '0000000000000001.0000' } },
    });
  });

  it('reads with strong consistency', async () => {
    stored({ 'order#7': order });
    await service.pay('7');
    expect(dynamodb.commandCalls(GetCommand)[0]?.args[0].input.ConsistentRead).toBe(true);
  });

  it('reads again and decides again after a version conflict', async () => {
    dynamodb
      .on(GetCommand, { Key: { pk: 'order#7' } })
      .resolvesOnce({ Item: order })
      .resolves({ Item: { ...order, version: 2, status: 'paid' } });
    dynamodb.on(TransactWriteCommand).rejectsOnce(cancelled('ConditionalCheckFailed', 'ConditionalCheckFailed'));
    // Meanwhile a customer has paid, so the money must be returned.
    stored({
      'stock#hat': { sku: 'hat', available: 5, version: 3 },
      'stock#bag': { sku: 'bag', available: 5, version: 8 },
    });
    await service.cancel('7');
    const [first, second] = requests().map(
      ({ TransactItems = [] }) => TransactItems[3]?.Put?.Item?.['events'] as object[],
    );
    expect(first).toMatchObject([{ type: 'order.cancelled' }]);
    expect(second).toMatchObject([{ type: 'order.cancelled' }, { type: 'order.refund-due' }]);
  });

  it('writes nothing when the new state forbids what the old one allowed', async () => {
    dynamodb
      .on(GetCommand)
      .resolvesOnce({ Item: order })
      .resolves({ Item: { ...order, version: 2, status: 'cancelled' } });
    dynamodb.on(TransactWriteCommand).rejectsOnce(cancelled('ConditionalCheckFailed', 'ConditionalCheckFailed'));
    await expect(service.pay('7')).rejects.toMatchObject({ code: 'wrong-status' });
    expect(requests()).toHaveLength(1);
  });

  it('repeats the very same request after a failure whose outcome is unknown', async () => {
    stored({ 'order#7': order });
    dynamodb.on(TransactWriteCommand).rejectsOnce(new Error('socket hang up')).resolves({});
    await service.pay('7');
    const [first, second] = requests();
    expect(first?.ClientRequestToken).toEqual(expect.any(String) as unknown);
    expect(second).toEqual(first);
  });

  it('repeats a request that was throttled', async () => {
    stored({ 'order#7': order });
    dynamodb.on(TransactWriteCommand).rejectsOnce(cancelled('ThrottlingError', 'None')).resolves({});
    await expect(service.pay('7')).resolves.toMatchObject({ state: { status: 'paid' } });
  });

  it('gives up after twelve conflicts in a row, and says that it may be repeated', async () => {
    stored({ 'order#7': order });
    dynamodb.on(TransactWriteCommand).rejects(cancelled('ConditionalCheckFailed', 'ConditionalCheckFailed'));
    await expect(service.pay('7')).rejects.toMatchObject({
      code: 'too-busy',
      retryable: true,
      details: { attempts: 12 },
      cause: expect.objectContaining({ code: 'version-conflict' }) as unknown,
    });
  });

  it('refuses an order that does not exist', async () => {
    await expect(service.ship('8')).rejects.toMatchObject({ code: 'unknown-order', details: { orderId: '8' } });
  });

  it('refuses to sell an article that it does not know', async () => {
    await expect(service.place({ orderId: '7', customerId: '1', lines })).rejects.toMatchObject({
      code: 'unknown-article',
    });
    expect(requests()).toEqual([]);
  });

  it('replenishes an article', async () => {
    stored({ 'stock#hat': { sku: 'hat', available: 5, version: 3 } });
    await expect(service.replenish('hat', 2)).resolves.toMatchObject({
      state: { sku: 'hat', available: 7, version: 4 },
    });
  });
});
