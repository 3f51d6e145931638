import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { encodeItem } from '../../../lib/event/item';
import { positionOfVersion } from '../../../lib/event/position';
import { consumerLag } from '../../../lib/operate/consumer/consumer-lag';
import { anItem } from '../../builders/items';
import { INBOX, TABLE, tablesInMemory } from './table-in-memory';

test('the newest item of this region counts, though another region has written a newer one', async () => {
  const { newClient, put } = tablesInMemory();
  const item = (version: number, region: string) => encodeItem(anItem({ key: '1', version, region }));
  await put(item(1, 'eu-west-1'), item(2, 'eu-west-1'), item(3, 'us-east-1'));
  const home = { region: 'eu-west-1', publishesFor: ['eu-west-1'] };
  const inbox = { client: newClient(), tableName: INBOX, consumer: 'shipping' };
  // For a consumer that the table does not know, the command reports nothing.
  const known = { pk: { S: 'shipping#orders#/shop/order#2' }, sk: { S: 'inbox' } };
  await inbox.client.send(new PutItemCommand({ TableName: INBOX, Item: known }));
  expect(await consumerLag({ client: newClient(), tableName: TABLE, home }, inbox, 'order#1')).toMatchObject({
    position: positionOfVersion(2),
  });
});
