import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { show } from '../../../lib/operate/show';
import { tablesInMemory, TABLE } from './table-in-memory';

test('a signal is shown as JSON, whatever numbers somebody has written on it', async () => {
  const { target } = tablesInMemory();
  const Item = {
    ...{ pk: { S: 'order#1' }, sk: { S: '~signal#by-hand' }, since: { N: '1765400000000' } },
    ...{ half: { N: '0.5' }, until: { N: '12345678901234567890' } },
  };
  await target.client.send(new PutItemCommand({ TableName: TABLE, Item }));
  const { signals } = await show(target, 'order#1');
  expect(JSON.parse(JSON.stringify(signals))).toEqual([
    { pk: 'order#1', sk: '~signal#by-hand', since: 1_765_400_000_000, half: 0.5, until: '12345678901234567890' },
  ]);
});
