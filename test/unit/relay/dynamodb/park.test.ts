import {
  DynamoDBClient,
  GetItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { encodeHold, type Hold } from '../../../../lib/event/control';
import { ControlWriter } from '../../../../lib/relay/dynamodb/control-writer';
import { parkWriter } from '../../../../lib/relay/dynamodb/park';
import type { ParkRequest } from '../../../../lib/relay/ports';

const dynamodb = mockClient(DynamoDBClient);
const sleep = jest.fn(() => Promise.resolve());
const client = new DynamoDBClient({});
const writer = new ControlWriter({ client, tableName: 'outbox' }, sleep);
const { park } = parkWriter({ client, tableName: 'outbox' }, writer, { now: () => 1_800_000_000_000 });

const aParking = (change: Partial<ParkRequest> = {}): ParkRequest => ({
  pk: 'order#42',
  sk: '0000000000000007',
  id: 'id-7',
  reason: 'message-too-large',
  message: 'too large',
  attempts: 0,
  isHead: false,
  ...change,
});
const aHold = (change: Partial<Hold> = {}): Hold => ({
  pk: 'order#42',
  position: '0000000000000009',
  revision: 'r1',
  state: 'holding',
  reason: 'unknown-topic',
  message: 'no topic',
  attempts: 1,
  since: 5,
  ...change,
});
const cancelled = (...codes: (string | undefined)[]) =>
  new TransactionCanceledException({
    $metadata: {},
    message: 'cancelled',
    CancellationReasons: [0, 1, 2].map((at) => ({ Code: codes[at] ?? 'None' })),
  });
const transactions = () =>
  dynamodb.commandCalls(TransactWriteItemsCommand).map(({ args: [command] }) => command.input.TransactItems ?? []);

beforeEach(() => {
  dynamodb.reset();
  sleep.mockClear();
  dynamodb.on(TransactWriteItemsCommand).resolves({});
});

it('parks the item, holds its key and raises the revision in one transaction', async () => {
  const answer = await park(aParking());

  expect(answer).toEqual({
    kind: 'parked',
    hold: expect.objectContaining({
      pk: 'order#42',
      position: '0000000000000007',
      state: 'holding',
      since: 1_800_000_000_000,
    }) as unknown,
  });
  expect(transactions()).toMatchObject([
    [
      {
        Update: {
          Key: { pk: { S: 'order#42' }, sk: { S: '0000000000000007' } },
          ConditionExpression:
            'attribute_exists(pk) AND attribute_not_exists(processedAt) AND attribute_not_exists(discarded) AND id = :id',
          ExpressionAttributeValues: { ':parked': { M: { reason: { S: 'message-too-large' }, attempts: { N: '1' } } } },
        },
      },
      {
        Put: {
          Item: { pk: { S: '$outbox#control' }, sk: { S: 'hold#order#42' } },
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      },
      { Update: { Key: { pk: { S: '$outbox#control' }, sk: { S: '!state' } }, UpdateExpression: 'ADD revision :one' } },
    ],
  ]);
});

it('moves an existing hold to the earlier position, only over the revision it knows', async () => {
  const answer = await park(aParking({ hold: aHold() }));

  expect(answer).toMatchObject({ hold: { position: '0000000000000007', since: 5 } });
  expect(transactions()[0]?.[1]?.Put).toMatchObject({
    ConditionExpression: 'revision = :known',
    ExpressionAttributeValues: { ':known': { S: 'r1' } },
  });
});

it('moves the hold of a drain to the item that stops it, and counts the refusals', async () => {
  const earlier = aHold({ position: '0000000000000003', state: 'draining' });
  const drained = { isHead: true, drainedUnder: earlier.revision };

  const answer = await park(aParking({ hold: earlier, ...drained, attempts: 2, since: 9 }));

  expect(answer).toMatchObject({ hold: { position: '0000000000000007', state: 'holding', attempts: 3, since: 5 } });
  expect(transactions()[0]?.[0]?.Update?.ExpressionAttributeValues?.[':parked']?.M).toMatchObject({
    attempts: { N: '3' },
    since: { N: '9' },
  });
});

it('leaves a hold where it is that another relay has written since the drain began', async () => {
  dynamodb.on(TransactWriteItemsCommand).rejectsOnce(cancelled('None', 'ConditionalCheckFailed')).resolves({});
  const successor = aHold({ position: '0000000000000003', id: 'deleted-by-hand', revision: 'r2' });
  dynamodb.on(GetItemCommand).resolves({ Item: marshall(encodeHold(successor, undefined)) });

  const answer = await park(aParking({ isHead: true, drainedUnder: 'r1' }));

  expect(answer).toMatchObject({
    kind: 'parked',
    hold: {
      ...{ position: '0000000000000003', id: 'deleted-by-hand' },
      others: [expect.objectContaining({ position: '0000000000000007' })],
    },
  });
});

it('reads a hold that was replaced meanwhile and tries again', async () => {
  dynamodb.on(TransactWriteItemsCommand).rejectsOnce(cancelled('None', 'ConditionalCheckFailed')).resolves({});
  dynamodb
    .on(GetItemCommand)
    .resolves({ Item: marshall(encodeHold(aHold({ position: '0000000000000003', revision: 'r2' }), undefined)) });

  expect(await park(aParking())).toMatchObject({ kind: 'parked', hold: { position: '0000000000000003' } });
  expect(transactions()[1]?.[1]?.Put?.ExpressionAttributeValues).toEqual({ ':known': { S: 'r2' } });
});

it('returns that an item is gone if it was processed, discarded or replaced', async () => {
  dynamodb.on(TransactWriteItemsCommand).rejects(cancelled('ConditionalCheckFailed'));

  expect(await park(aParking())).toEqual({ kind: 'gone' });
});

it.each(['ValidationError', 'ItemCollectionSizeLimitExceeded'])(
  'holds only the key if the item has no room for the note (%s)',
  async (code) => {
    dynamodb.on(TransactWriteItemsCommand).rejectsOnce(cancelled(code)).resolves({});

    expect(await park(aParking())).toMatchObject({ kind: 'parked' });
    expect(transactions()[1]?.[0]).toHaveProperty('ConditionCheck');
  },
);

it('waits and repeats if another shard parks at the same moment', async () => {
  dynamodb
    .on(TransactWriteItemsCommand)
    .rejectsOnce(cancelled('None', 'None', 'TransactionConflict'))
    .resolves({});

  expect(await park(aParking())).toMatchObject({ kind: 'parked' });
  expect(sleep).toHaveBeenCalledTimes(1);
});

it('rejects with the cause after six attempts', async () => {
  dynamodb.on(TransactWriteItemsCommand).rejects(cancelled('None', 'None', 'TransactionConflict'));

  await expect(park(aParking())).rejects.toThrow(TransactionCanceledException);
  expect(transactions()).toHaveLength(6);
});

it('rejects if the outcome is unknown', async () => {
  dynamodb.on(TransactWriteItemsCommand).rejects(new Error('socket hang up'));

  await expect(park(aParking())).rejects.toThrow('socket hang up');
});

it('does not trust the id of an item that cannot be decoded', async () => {
  await park(aParking({ id: undefined }));

  expect(transactions()[0]?.[0]?.Update?.ConditionExpression).not.toContain(':id');
});

it('cuts a long message', async () => {
  await park(aParking({ message: 'x'.repeat(2_000) }));

  expect(transactions()[0]?.[0]?.Update?.ExpressionAttributeValues?.[':parked']?.M?.['message']?.S).toHaveLength(500);
});
