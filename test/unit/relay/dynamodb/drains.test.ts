import { DynamoDBClient, TransactionCanceledException, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import type { Hold } from '../../../../lib/event/control';
import { newSignal } from '../../../../lib/event/signal';
import { ControlWriter } from '../../../../lib/relay/dynamodb/control-writer';
import { drainStore } from '../../../../lib/relay/dynamodb/drains';

const NOW = 1_800_000_000_000;
const dynamodb = mockClient(DynamoDBClient);
const client = new DynamoDBClient({});
const table = { client, tableName: 'outbox', retentionSeconds: 86_400 };
const writer = new ControlWriter(table, () => Promise.resolve());
const drains = drainStore(table, writer, { now: () => NOW });

const hold: Hold = {
  pk: 'order#42',
  position: '0000000000000007',
  revision: 'r1',
  state: 'holding',
  reason: 'message-too-large',
  message: 'too large',
  attempts: 1,
  since: 5,
};
const skip = newSignal('order#42', NOW, {
  kind: 'skip',
  position: hold.position,
  id: 'id-7',
  request: { by: 'me', at: NOW, why: 'it is not needed' },
});
const refusedFor = (code: string) =>
  new TransactionCanceledException({
    $metadata: {},
    message: 'cancelled',
    CancellationReasons: [code, 'None', 'None', 'None'].map((Code) => ({ Code })),
  });
const transactions = () =>
  dynamodb.commandCalls(TransactWriteItemsCommand).map(({ args: [command] }) => command.input.TransactItems ?? []);

beforeEach(() => dynamodb.reset());

describe('a discard', () => {
  it.each(['ValidationError', 'ItemCollectionSizeLimitExceeded'])(
    'deletes an item that has no room for the note, under the same condition (%s)',
    async (code) => {
      dynamodb.on(TransactWriteItemsCommand).rejectsOnce(refusedFor(code)).resolves({});

      expect(await drains.discard(skip, hold)).toMatchObject({ kind: 'discarded', hold: { state: 'draining' } });

      const [noted, deleted] = transactions();
      expect(noted?.[0]?.Update).toMatchObject({
        UpdateExpression: 'SET discarded = :request, expiresAt = :expiresAt',
      });
      expect(deleted).toMatchObject([
        {
          Delete: {
            Key: { pk: { S: 'order#42' }, sk: { S: '0000000000000007' } },
            ConditionExpression: noted?.[0]?.Update?.ConditionExpression,
            ExpressionAttributeValues: { ':id': { S: 'id-7' } },
          },
        },
        { Put: { Item: { identity: { S: 'order#42\n0000000000000007\nid-7' } } } },
        { Put: { Item: { state: { S: 'draining' } } } },
        { Update: { UpdateExpression: 'ADD revision :one' } },
      ]);
    },
  );

  it('rejects a refusal for another reason', async () => {
    dynamodb.on(TransactWriteItemsCommand).rejects(refusedFor('DuplicateItem'));

    await expect(drains.discard(skip, hold)).rejects.toThrow('could not be discarded: DuplicateItem');
  });
});
