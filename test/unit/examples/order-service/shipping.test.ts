import { createShipping } from '../../../../examples/order-service/shipping';
import type { TransactionAction } from '../../../../lib/consumer';
import { aRecord, feed, MemoryDeadLetters } from '../../../builders/consume';

/** An empty database that keeps each write. */
function shipping(row?: Record<string, unknown>) {
  const transactions: TransactionAction[][] = [];
  const answer = (value: unknown) => () => Promise.resolve(value as never);
  const database = {
    get: answer(row === undefined ? {} : { Item: row }),
    query: answer({ Items: [] }),
    transactWrite: ({ TransactItems }: { TransactItems?: unknown }) => {
      transactions.push(TransactItems as TransactionAction[]);
      return Promise.resolve({} as never);
    },
  };
  return {
    ...createShipping({ database, shipmentsTable: 'shipments', inboxTable: 'inbox' }),
    deadLetters: new MemoryDeadLetters(),
    transactions,
  };
}

const lines = [{ sku: 'hat', quantity: 1, unitPrice: 100 }];
const message = (type: string, version: number, data: object) =>
  aRecord({ type, version, key: '7', value: Buffer.from(JSON.stringify({ orderId: '7', ...data })) });

it('changes its row once for each event, in the transaction that records the event', async () => {
  const rig = shipping();
  const { outcomes } = await feed(rig, [
    message('order.placed', 1, { customerId: '1', lines, total: 100 }),
    message('order.paid', 2, { total: 100 }),
    message('order.shipped', 3, {}),
    // Delivers the message twice.
    message('order.paid', 2, { total: 100 }),
  ]);

  expect(outcomes).toEqual(['applied', 'applied', 'applied', 'duplicate']);
  const updates = rig.transactions.map(([effect, record]) => {
    expect(record?.Put?.TableName).toBe('inbox');
    return effect?.Update;
  });
  expect(updates).toMatchObject([
    {
      Key: { orderId: '7' },
      ExpressionAttributeValues: { ':status': 'awaiting payment', ':lines': lines, ':version': 1, ':one': 1 },
    },
    { ExpressionAttributeValues: { ':status': 'to be packed', ':version': 2, ':one': 1 } },
    { ExpressionAttributeValues: { ':status': 'shipped', ':version': 3, ':one': 1 } },
  ]);
});

it('has no effect of an event that concerns others', async () => {
  const rig = shipping();
  const { outcomes } = await feed(rig, [message('order.refund-due', 1, { total: 100 })]);

  expect(outcomes).toEqual(['applied']);
  expect(rig.transactions.flat().every(({ Update }) => Update === undefined)).toBe(true);
});

it('shows a row of the read model, and nothing for an order that it has not heard of', async () => {
  const row = { orderId: '7', lines, status: 'shipped', version: 3, changes: 3 };
  expect(await shipping(row).shipment('7')).toEqual(row);
  expect(await shipping().shipment('8')).toBeUndefined();
});
