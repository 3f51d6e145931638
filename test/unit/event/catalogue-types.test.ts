import type { DynamoDBDocument, TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb';
import type { EventInput, Outbox, OutboxActions, TransactionAction, TransactionClient, Upcasters } from '../../../lib';
import { z } from 'zod';
import { defineEvents } from '../../../lib';
import { order42, orderOutbox, type catalogue } from '../write/order-outbox';

/** The compiler checks these calls. Running them only proves that the calls that compile also work. */
const outbox = orderOutbox();

/** Compiled, never run: calls that must not compile may throw. */
const compiled = (...calls: (() => unknown)[]): number => calls.length;

test('data is what the schema takes: a field with a default may be left out', async () => {
  await expect(
    outbox.items(order42, [
      { type: 'order.placed', data: { orderId: '42', total: 1 } },
      { type: 'order.shipped', data: { orderId: '42', lines: [{ quantity: 1 }] }, topic: 'shipments' },
      { type: 'order.forgotten' },
    ]),
  ).resolves.toHaveLength(1);
});

compiled(
  // @ts-expect-error a type that is not in the catalogue
  () => outbox.items(order42, [{ type: 'order.payed', data: { orderId: '42', total: 1 } }]),
  // @ts-expect-error a payload of the wrong type
  () => outbox.items(order42, [{ type: 'order.placed', data: { orderId: 42, total: 1 } }]),
  // @ts-expect-error a payload without a required field
  () => outbox.items(order42, [{ type: 'order.placed', data: { orderId: '42' } }]),
  // @ts-expect-error no payload where one is required
  () => outbox.items(order42, [{ type: 'order.placed' }]),
  // @ts-expect-error the payload of another type
  () => outbox.items(order42, [{ type: 'order.shipped', data: { orderId: '42', total: 1 } }]),
  // @ts-expect-error the output of a schema with a transformation is not its input
  () => outbox.items(order42, [{ type: 'order.invoiced', data: 'text' }]),
  // @ts-expect-error a misspelt override
  () => outbox.items(order42, [{ type: 'order.forgotten', topik: 'orders' }]),
  // @ts-expect-error a wrong type in transact
  () => outbox.transact(client, { changes: [{ ...order42, events: [{ type: 'order.payed', data: {} }] }] }),
  // @ts-expect-error a wrong payload in transact
  () => outbox.transact(client, { changes: [{ ...order42, events: [{ type: 'order.placed', data: {} }] }] }),
  // @ts-expect-error a misspelt option
  () => outbox.transact(client, { changes: [], requestID: 'r' }),
  // @ts-expect-error an outbox without a table
  () => orderOutbox({ tableName: undefined }) satisfies Outbox<{ other: never }>,
);

declare const client: DynamoDBDocument;
declare const entries: OutboxActions;
declare const action: NonNullable<TransactWriteCommandInput['TransactItems']>[number];
compiled(
  () => client satisfies TransactionClient,
  () => action satisfies TransactionAction,
  () => client.transactWrite({ TransactItems: [action, ...entries] }),
  () => outbox.transact(client, { actions: [action], changes: [] }),
  () => ({ type: 'order.noted', data: 'text' }) satisfies EventInput<(typeof catalogue)['definitions']>,
);

const versioned = (upcasters: Upcasters) =>
  defineEvents({ 'order.placed': { schema: z.object({ total: z.number() }), topic: 'orders', version: 2, upcasters } });
compiled(
  () => versioned({ 1: ({ sum }: { sum: number }) => ({ total: sum }) }),
  // @ts-expect-error an upcaster that does not say what it takes
  () => versioned({ 1: (data) => ({ total: data.sum }) }),
  // @ts-expect-error an upcaster that is no function
  () => versioned({ 1: 'x' }),
);
