import { DynamoDBClient, GetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { encodeHold, STATE_KEY } from '../../../lib/event/control';
import { controlStore } from '../../../lib/relay/dynamodb-control';

const dynamodb = mockClient(DynamoDBClient);
const state = (revision: number) => marshall({ ...STATE_KEY, revision });
const hold = (n: number) =>
  marshall(
    encodeHold({
      pk: `order#${n}`,
      position: '1',
      revision: 'r',
      state: 'holding',
      reason: 'unknown-topic',
      message: '',
      since: 1,
    }),
  );
const holds = (count: number) => Array.from({ length: count }, (_, n) => hold(n));
const reads = () => ({
  queries: dynamodb.commandCalls(QueryCommand).length,
  gets: dynamodb.commandCalls(GetItemCommand).length,
});

beforeEach(() => dynamodb.reset());

it('reads a small partition with one strongly consistent Query each time', async () => {
  dynamodb
    .on(QueryCommand)
    .resolves({ Items: [state(3), hold(1), marshall({ pk: '$outbox#control', sk: 'tombstone#gone' })] });
  const control = controlStore(new DynamoDBClient({}), 'outbox');

  const read = await control.read();
  await control.read();

  expect(read.revision).toBe(3);
  expect(read.holds.get('order#1')).toMatchObject({ pk: 'order#1', state: 'holding' });
  expect([...read.tombstones]).toEqual(['gone']);
  expect(reads()).toEqual({ queries: 2, gets: 0 });
  expect(dynamodb.commandCalls(QueryCommand)[0]?.args[0].input).toMatchObject({ ConsistentRead: true });
});

it('reads every page', async () => {
  dynamodb
    .on(QueryCommand)
    .resolvesOnce({ Items: [state(1), hold(1)], LastEvaluatedKey: hold(1) })
    .resolvesOnce({ Items: [hold(2)] });

  expect((await controlStore(new DynamoDBClient({}), 'outbox').read()).holds.size).toBe(2);
});

it('asks of a large partition only whether its revision changed', async () => {
  dynamodb.on(QueryCommand).resolves({ Items: [state(7), ...holds(30)] });
  dynamodb.on(GetItemCommand).resolves({ Item: state(7) });
  const control = controlStore(new DynamoDBClient({}), 'outbox');

  await control.read();
  expect((await control.read()).holds.size).toBe(30);
  expect(reads()).toEqual({ queries: 1, gets: 2 });
  expect(dynamodb.commandCalls(GetItemCommand)[0]?.args[0].input).toMatchObject({ ConsistentRead: true });

  dynamodb.on(GetItemCommand).resolves({ Item: state(8) });
  dynamodb.on(QueryCommand).resolves({ Items: [state(8)] });
  expect((await control.read()).holds.size).toBe(0);
  expect(reads()).toEqual({ queries: 2, gets: 3 });
});

it('does not keep what changed while it was read', async () => {
  dynamodb.on(QueryCommand).resolves({ Items: [state(7), ...holds(30)] });
  dynamodb.on(GetItemCommand).resolves({ Item: state(8) });
  const control = controlStore(new DynamoDBClient({}), 'outbox');

  await control.read();
  await control.read();

  expect(reads().queries).toBe(2);
});

it('rejects when the table does not answer', async () => {
  dynamodb.on(QueryCommand).rejects(new Error('throttled'));

  await expect(controlStore(new DynamoDBClient({}), 'outbox').read()).rejects.toThrow('throttled');
});
