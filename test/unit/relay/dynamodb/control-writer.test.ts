import {
  DynamoDBClient,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type TransactWriteItem,
  type TransactWriteItemsCommandInput,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { ControlWriter } from '../../../../lib/relay/dynamodb/control-writer';

const dynamodb = mockClient(DynamoDBClient);
const writer = (): ControlWriter =>
  new ControlWriter({ client: new DynamoDBClient({}), tableName: 'outbox' }, () => Promise.resolve());

const update = (key: string): TransactWriteItem => ({
  Update: { TableName: 'outbox', Key: { pk: { S: key }, sk: { S: '1' } }, UpdateExpression: 'SET a = :a' },
});
const keyOf = ({ Update }: TransactWriteItem): string => Update?.Key?.['pk']?.S ?? '';
const cancelled = (codes: readonly (string | undefined)[]) =>
  new TransactionCanceledException({
    message: 'cancelled',
    $metadata: {},
    CancellationReasons: codes.map((Code) => ({ Code: Code ?? 'None' })),
  });

/** `refuse` returns the reason for which the item of a key is not written. */
function answer(refuse: (key: string) => string | undefined): void {
  dynamodb.on(TransactWriteItemsCommand).callsFake(({ TransactItems = [] }: TransactWriteItemsCommandInput) => {
    const codes = TransactItems.map((action) => refuse(keyOf(action)));
    if (codes.some((code) => code !== undefined)) throw cancelled(codes);
    return {};
  });
}

beforeEach(() => dynamodb.reset());

it.each(['ThrottlingError', 'TransactionConflict', 'ProvisionedThroughputExceeded'])(
  'a write that stays refused (%s) fails alone: the other writes of its transaction are written',
  async (code) => {
    answer((key) => (key === 'hot' ? code : undefined));
    const keys = ['a', 'b', 'hot', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const control = writer();

    const written = await Promise.allSettled(keys.map((key) => control.write([update(key)])));

    expect(keys.filter((_, at) => written[at]?.status === 'rejected')).toEqual(['hot']);
  },
);

it('a write with a conflict is repeated, and later writes to its items follow it', async () => {
  let refusals = 1;
  const order: string[] = [];
  answer((key) => (key === 'hot' && refusals-- > 0 ? 'ThrottlingError' : undefined));
  const control = writer();
  const write = (key: string, name: string): Promise<void> =>
    control.write([update(key)]).then(() => void order.push(name));

  await Promise.all([write('hot', 'first'), write('hot', 'second'), write('a', 'other')]);

  expect(order.indexOf('first')).toBeLessThan(order.indexOf('second'));
  expect(order).toHaveLength(3);
});

it('a permanent conflict on the state item rejects all writes', async () => {
  // The last action updates the state item, whose key is none of the test's.
  answer((key) => (key.startsWith('$outbox') ? 'TransactionConflict' : undefined));
  const control = writer();

  const written = await Promise.allSettled(['a', 'b'].map((key) => control.write([update(key)])));

  expect(written.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(dynamodb.commandCalls(TransactWriteItemsCommand).length).toBeLessThanOrEqual(12);
});

it('a refusal resolves only the write that it concerns, and the others are written', async () => {
  answer((key) => (key === 'gone' ? 'ConditionalCheckFailed' : undefined));
  const control = writer();

  expect(await Promise.all(['a', 'gone', 'b'].map((key) => control.write([update(key)])))).toEqual([
    undefined,
    ['ConditionalCheckFailed'],
    undefined,
  ]);
});
