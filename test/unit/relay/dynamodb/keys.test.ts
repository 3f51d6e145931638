import {
  BatchGetItemCommand,
  DynamoDBClient,
  QueryCommand,
  TransactGetItemsCommand,
  TransactionCanceledException,
  type AttributeValue,
  type BatchGetItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { marshall } from '@aws-sdk/util-dynamodb';
import { gzipData } from '../../../../lib/event/gzipped-data';
import { encodeItem } from '../../../../lib/event/item';
import { LIMITS } from '../../../../lib/event/item-rules';
import { anEvent, anItem } from '../../../builders/items';
import { keyReader } from '../../../../lib/relay/dynamodb/keys';
import { PositionsUnread } from '../../../../lib/relay/key-failure';
import { positionKey } from '../../../../lib/event/position';

const dynamodb = mockClient(DynamoDBClient);
const keys = keyReader({ client: new DynamoDBClient({}), tableName: 'outbox' }, () => Promise.resolve());
const positions = Array.from({ length: 150 }, (_, n) => ({ pk: `order#${n}`, sk: '1' }));
const HOT = 'order#7';

beforeEach(() => dynamodb.reset());

/** Resolves with the PositionsUnread that the call rejects with. */
const unreadOf = async (read: Promise<unknown>): Promise<PositionsUnread> => {
  const error: unknown = await read.catch((cause: unknown) => cause);
  if (!(error instanceof PositionsUnread)) throw error;
  return error;
};

it('a throttled key is reported, and the other keys are read', async () => {
  dynamodb.on(BatchGetItemCommand).callsFake(({ RequestItems }: BatchGetItemCommandInput) => {
    const asked = RequestItems?.['outbox']?.Keys ?? [];
    const [hot, others] = [asked.filter(({ pk }) => pk?.S === HOT), asked.filter(({ pk }) => pk?.S !== HOT)];
    return { Responses: { outbox: others }, ...(hot.length > 0 && { UnprocessedKeys: { outbox: { Keys: hot } } }) };
  });

  const { stored, unread } = await unreadOf(keys.lookUp(positions));

  expect(unread).toEqual([{ pk: HOT, sk: '1' }]);
  expect(stored.size).toBe(149);
  expect(stored.get(positionKey(HOT, '1'))).toBeUndefined();
  // Two calls of at most a hundred keys, and six vain ones for the hot key.
  expect(dynamodb.commandCalls(BatchGetItemCommand)).toHaveLength(2 + 6);
});

it.each(['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'])(
  'the same if the call for the throttled key alone is refused as a whole: %s',
  async (name) => {
    dynamodb.on(BatchGetItemCommand).callsFake(({ RequestItems }: BatchGetItemCommandInput) => {
      const asked = RequestItems?.['outbox']?.Keys ?? [];
      const [hot, others] = [asked.filter(({ pk }) => pk?.S === HOT), asked.filter(({ pk }) => pk?.S !== HOT)];
      if (others.length === 0) throw Object.assign(new Error('throttled'), { name, $fault: 'client' });
      return { Responses: { outbox: others }, ...(hot.length > 0 && { UnprocessedKeys: { outbox: { Keys: hot } } }) };
    });

    const { stored, unread } = await unreadOf(keys.lookUp(positions));

    expect(unread).toEqual([{ pk: HOT, sk: '1' }]);
    expect(stored.size).toBe(149);
  },
);

it('a table that does not respond is not a throttled key', async () => {
  dynamodb.on(BatchGetItemCommand).rejects(new Error('no answer'));

  await expect(keys.lookUp(positions)).rejects.toThrow('no answer');
});

it('a throttled key does not cancel a transactional read of the others for ever', async () => {
  dynamodb.on(TransactGetItemsCommand).callsFake(({ TransactItems }: { TransactItems: { Get: { Key: Key } }[] }) => {
    const asked = TransactItems.map(({ Get }) => Get.Key);
    if (!asked.some(({ pk }) => pk.S === HOT)) return { Responses: asked.map((Item) => ({ Item })) };
    throw new TransactionCanceledException({
      message: 'cancelled',
      $metadata: {},
      CancellationReasons: asked.map(({ pk }) => ({ Code: pk.S === HOT ? 'ThrottlingError' : 'None' })),
    });
  });

  const { stored, unread } = await unreadOf(keys.lookUpTransacted(positions));

  expect(unread).toEqual([{ pk: HOT, sk: '1' }]);
  expect(stored.size).toBe(149);
});

type Key = Readonly<Record<'pk' | 'sk', { readonly S: string }>>;

it('a lookup of an open item returns which of its events are published', async () => {
  const image = { pk: { S: 'order#1' }, sk: { S: '1' }, id: { S: 'a' }, receipts: { L: [{ S: 'orders-3@7' }] } };
  dynamodb.on(BatchGetItemCommand).resolves({ Responses: { outbox: [image] } });
  const stored = await keys.lookUp([{ pk: 'order#1', sk: '1' }]);
  expect(stored.get(positionKey('order#1', '1'))).toEqual({
    state: 'pending',
    id: 'a',
    receipts: [{ topic: 'orders', partition: 3, offset: 7n }],
  });

  dynamodb.on(BatchGetItemCommand).resolves({ Responses: { outbox: [{ ...image, processedAt: { N: '1' } }] } });
  const processed = await keys.lookUp([{ pk: 'order#1', sk: '1' }]);
  expect(processed.get(positionKey('order#1', '1'))).toEqual({ state: 'processed', id: 'a' });
});

describe('a page of items', () => {
  const pagesOf = async (Items: readonly Record<string, AttributeValue>[]): Promise<number[]> => {
    dynamodb.on(QueryCommand).resolves({ Items: [...Items] });
    const sizes: number[] = [];
    for await (const page of keys.pages('order#1', '0')) sizes.push(page.length);
    return sizes;
  };
  const itemOf = (data: string, version: number) => {
    const item = anItem({ version, events: [anEvent({ data })] });
    return marshall(encodeItem(item, new Map([[0, gzipData(data)]])));
  };

  it('comes as one if its data is small', async () => {
    expect(await pagesOf(Array.from({ length: 100 }, (_, n) => itemOf('{}', n + 1)))).toEqual([100]);
    expect(await pagesOf([])).toEqual([0]);
  });

  it('comes in portions of 8 MB of decompressed data, all of it in order', async () => {
    const large = 'x'.repeat(LIMITS.gunzippedBytes);
    const all = Array.from({ length: 20 }, (_, n) => itemOf(large, n + 1));
    expect(await pagesOf(all)).toEqual([8, 8, 4]);
    dynamodb.on(QueryCommand).resolves({ Items: all });
    const positions: string[] = [];
    for await (const page of keys.pages('order#1', '0')) positions.push(...page.map(({ sk }) => sk));
    expect(positions).toEqual(all.map(({ sk }) => sk?.S));
  });
});
