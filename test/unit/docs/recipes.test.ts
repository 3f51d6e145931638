import { GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { TABLE, tablesInMemory } from '../operate/table-in-memory';
import { blocksOf, commandsOf } from './documented-commands';

const commands = blocksOf('docs/operations.md').flatMap(commandsOf);

/** The parameters of an AWS CLI command by name. */
function parametersOf(action: string): Record<string, string> {
  const command = commands.find((each) => each.startsWith(`aws dynamodb ${action} `)) ?? '';
  const words = [...command.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''));
  return Object.fromEntries(
    words.flatMap((word, at) => (word.startsWith('--') ? [[word.slice(2), words[at + 1] ?? '']] : [])),
  );
}

const PARKED = {
  pk: 'order#42',
  sk: '0000000000000007',
  id: '019b2f3a-0000-7000-8000-000000000001',
  events: [{ id: '019b2f3a-0000-7000-8000-000000000001', type: 'order.placed', topic: 'odrers' }],
  parked: { reason: 'unknown-topic', message: 'm', attempts: 1, since: 1 },
};

async function update(item: Readonly<Record<string, unknown>> | undefined) {
  const { target, put, items } = tablesInMemory();
  if (item !== undefined) await put(item);
  const given = parametersOf('update-item');
  const done = target.client.send(
    new UpdateItemCommand({
      TableName: TABLE,
      Key: JSON.parse(given['key'] ?? '') as never,
      UpdateExpression: given['update-expression'],
      ConditionExpression: given['condition-expression'],
      ExpressionAttributeValues: JSON.parse(given['expression-attribute-values'] ?? '') as never,
    }),
  );
  return { done, items };
}

test('the recipe changes the topic of the parked item that it names', async () => {
  const { done, items } = await update(PARKED);
  await done;
  expect(items().map((item) => unmarshall(item as never))).toMatchObject([
    { ...PARKED, events: [{ topic: 'orders' }] },
  ]);
});

const { parked: _, ...notParked } = PARKED;
test.each([
  ['is gone', undefined],
  ['is another one under the same position', { ...PARKED, id: 'other' }],
  ['is published', { ...PARKED, processedAt: 1 }],
  ['was discarded', { ...PARKED, discarded: { by: 'me', at: 1, why: 'w' } }],
  ['is not parked', notParked],
])('it changes nothing if the item %s', async (_name, item) => {
  const { done } = await update(item);
  await expect(done).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
});

test('the recipe for a wrong key never overwrites an item', async () => {
  const { target, put } = tablesInMemory();
  const ConditionExpression = parametersOf('put-item')['condition-expression'];
  await put(PARKED);
  const Item = marshall({ ...notParked, id: 'other' });
  const again = target.client.send(new PutItemCommand({ TableName: TABLE, Item, ConditionExpression }));
  await expect(again).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  const Key = marshall({ pk: PARKED.pk, sk: PARKED.sk });
  const { Item: kept } = await target.client.send(new GetItemCommand({ TableName: TABLE, Key }));
  expect(kept?.['id']?.S).toBe(PARKED.id);
});
