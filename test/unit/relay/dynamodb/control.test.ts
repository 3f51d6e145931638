import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { encodeHold, stateKey } from '../../../../lib/event/control';
import { controlStore } from '../../../../lib/relay/dynamodb/control';

const dynamodb = mockClient(DynamoDBClient);
const clock = { at: 5, now: () => clock.at };
const SECONDS = 1_000;
const state = (revision: number) => marshall({ ...stateKey(undefined), revision });
const hold = (n: number) =>
  marshall(
    encodeHold(
      {
        pk: `order#${n}`,
        position: '1',
        revision: 'r',
        state: 'holding',
        reason: 'unknown-topic',
        message: '',
        attempts: 1,
        since: 1,
      },
      undefined,
    ),
  );
const holds = (count: number) => Array.from({ length: count }, (_, n) => hold(n));
const reads = () => ({
  queries: dynamodb.commandCalls(QueryCommand).length,
  gets: dynamodb.commandCalls(GetItemCommand).length,
});

beforeEach(() => {
  dynamodb.reset();
  clock.at = 5;
});

it('reads a small partition with one strongly consistent Query each time', async () => {
  dynamodb
    .on(QueryCommand)
    .resolves({ Items: [state(3), hold(1), marshall({ pk: '$outbox#control', sk: 'tombstone#…', identity: 'gone' })] });
  const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);

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

  expect((await controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock).read()).holds.size).toBe(
    2,
  );
});

it('reads only the revision of a large partition, once that revision has been visible for some seconds', async () => {
  dynamodb.on(QueryCommand).resolves({ Items: [state(7), ...holds(30)] });
  dynamodb.on(GetItemCommand).resolves({ Item: state(7) });
  const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);

  await control.read();
  clock.at += 10 * SECONDS;
  await control.read();
  expect(reads()).toEqual({ queries: 2, gets: 0 });
  expect((await control.read()).holds.size).toBe(30);
  expect((await control.read()).holds.size).toBe(30);
  expect(reads()).toEqual({ queries: 2, gets: 2 });
  expect(dynamodb.commandCalls(GetItemCommand)[0]?.args[0].input).toMatchObject({ ConsistentRead: true });

  dynamodb.on(GetItemCommand).resolves({ Item: state(8) });
  dynamodb.on(QueryCommand).resolves({ Items: [state(8)] });
  expect((await control.read()).holds.size).toBe(0);
  expect(reads()).toEqual({ queries: 3, gets: 3 });
});

it('does not cache a read within seconds of a new revision: a part of that transaction may not be visible yet', async () => {
  dynamodb.on(QueryCommand).resolves({ Items: [state(7), ...holds(30)] });
  dynamodb.on(GetItemCommand).resolves({ Item: state(7) });
  const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);

  for (let read = 0; read < 10; read++) {
    await control.read();
    clock.at += SECONDS - 1;
  }

  expect(reads()).toEqual({ queries: 10, gets: 0 });
});

it('counts the seconds again for each revision', async () => {
  dynamodb
    .on(QueryCommand)
    .resolvesOnce({ Items: [state(7), ...holds(30)] })
    .resolves({ Items: [state(8), ...holds(31)] });
  const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);

  await control.read();
  clock.at += 10 * SECONDS;
  await control.read();
  await control.read();

  expect(reads()).toEqual({ queries: 3, gets: 0 });
});

it('rejects if the table does not respond', async () => {
  dynamodb.on(QueryCommand).rejects(new Error('throttled'));

  await expect(controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock).read()).rejects.toThrow(
    'throttled',
  );
});

describe('the stream', () => {
  const known = { revision: 1, holds: new Map(), tombstones: new Set<string>() };
  const noted = () => dynamodb.commandCalls(UpdateItemCommand)[0]?.args[0].input;
  const refusal = new ConditionalCheckFailedException({ $metadata: {}, message: 'no' });

  it('that is the first of the table does not suspect a gap', async () => {
    dynamodb
      .on(UpdateItemCommand)
      .resolves({ Attributes: marshall({ ...stateKey(undefined), revision: 1, streamArn: 'a' }) });

    const state = await controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock).noteStream(
      known,
      'a',
    );

    expect(state).toEqual({ streamArn: 'a', gapSuspectedSince: undefined });
    expect(noted()).toMatchObject({
      UpdateExpression: 'SET streamArn = :new ADD revision :one',
      ConditionExpression: 'attribute_not_exists(streamArn)',
    });
  });

  it('that differs from the known one suspects a gap, and leaves the holds out', async () => {
    dynamodb
      .on(UpdateItemCommand)
      .resolves({ Attributes: marshall({ ...stateKey(undefined), streamArn: 'b', doubtSince: 5 }) });

    const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);
    const state = await control.noteStream({ ...known, streamArn: 'a' }, 'b');

    expect(state).toEqual({ streamArn: 'b', gapSuspectedSince: 5 });
    expect(noted()).toMatchObject({
      UpdateExpression: 'SET streamArn = :new, doubtSince = :now ADD revision :one',
      ConditionExpression: 'streamArn = :known',
      ExpressionAttributeValues: { ':now': { N: '5' }, ':known': { S: 'a' } },
    });
  });

  it('that another shard has noted meanwhile is accepted', async () => {
    dynamodb.on(UpdateItemCommand).rejects(refusal);
    dynamodb
      .on(QueryCommand)
      .resolves({ Items: [marshall({ ...stateKey(undefined), streamArn: 'b', doubtSince: 3 })] });

    const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);

    expect(await control.noteStream({ ...known, streamArn: 'a' }, 'b')).toEqual({
      streamArn: 'b',
      gapSuspectedSince: 3,
    });
  });

  it('rejects if two mappings read the table', async () => {
    dynamodb.on(UpdateItemCommand).rejects(refusal);
    dynamodb.on(QueryCommand).resolves({ Items: [marshall({ ...stateKey(undefined), streamArn: 'c' })] });

    const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);

    await expect(control.noteStream({ ...known, streamArn: 'a' }, 'b')).rejects.toThrow('two event source mappings');
  });
});

it('notes a retry without a new revision, and shows it next to a cached read', async () => {
  dynamodb.on(QueryCommand).resolves({ Items: [state(1), ...holds(30)] });
  dynamodb.on(GetItemCommand).resolves({ Item: marshall({ ...stateKey(undefined), revision: 1, retriedAt: 77 }) });
  const control = controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' }, clock);
  await control.read();
  clock.at += 11 * SECONDS;
  await control.read();

  await control.noteRetry?.();
  const read = await control.read();

  expect(read).toMatchObject({ revision: 1, retriedAt: 77 });
  expect(read.holds.size).toBe(30);
  expect(reads()).toEqual({ queries: 2, gets: 1 });
  expect(dynamodb.commandCalls(UpdateItemCommand).map(({ args }) => args[0].input)).toEqual([
    {
      TableName: 'outbox',
      Key: marshall(stateKey(undefined)),
      UpdateExpression: 'SET retriedAt = :now',
      ExpressionAttributeValues: { ':now': { N: String(clock.at) } },
    },
  ]);
});
