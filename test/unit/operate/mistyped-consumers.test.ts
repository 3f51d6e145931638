import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { decodeInboxKeyText, inboxKeyText, type InboxKey } from '../../../lib/consume/inbox-keys';
import { consumerLag } from '../../../lib/operate/consumer/consumer-lag';
import { inboxContents } from '../../../lib/operate/consumer/inbox-contents';
import { parkedKeys } from '../../../lib/operate/consumer/parked';
import { planParkedRedrive } from '../../../lib/operate/consumer/redrive-parked';
import { encodeItem } from '../../../lib/event/item';
import { anItem } from '../../builders/items';
import { INBOX, TABLE, tablesInMemory } from './table-in-memory';

type Item = Readonly<Record<string, unknown>>;

const ROW = { sk: 'inbox', window: ['1.0 a'], revision: 1, appliedAt: 1 };

function world(...rows: readonly Item[]) {
  const { newClient, put } = tablesInMemory();
  const client = newClient();
  const inbox = { client, tableName: INBOX };
  const fill = async () => {
    for (const row of rows) await client.send(new PutItemCommand({ TableName: INBOX, Item: marshall(row) }));
    return { inbox, outbox: { client, tableName: TABLE }, put };
  };
  return fill();
}

const SHIPPING = { pk: 'shipping#orders#/shop/order#42', ...ROW };
const MAILS = {
  pk: 'mails#$parked',
  sk: 'mails#orders#/shop/order#7',
  topic: 'orders',
  source: '/shop/order',
  key: '7',
};
/** The leftover of a redrive with a mistyped name. */
const REQUEST = { pk: 'shiping#$requests', sk: '019b0a0a' };

const UNKNOWN = /holds nothing of consumer "nosuch". It knows mails, shipping\./;

it.each([
  ['the parked keys', (inbox: { client: never; tableName: string }) => parkedKeys(inbox, { consumer: 'nosuch' })],
  [
    'a redrive',
    (inbox: { client: never; tableName: string }) =>
      planParkedRedrive({ ...inbox, consumer: 'nosuch' }, { keys: ['42'] }),
  ],
])('%s of a consumer that the table does not know are refused, with those that it knows', async (_, ask) => {
  const { inbox } = await world(SHIPPING, MAILS, REQUEST);
  await expect(ask(inbox as never)).rejects.toMatchObject({
    code: 'operation-refused',
    message: expect.stringMatching(UNKNOWN),
  });
});

it('the lag of a consumer that the table does not know is refused', async () => {
  const { inbox, outbox, put } = await world(SHIPPING, MAILS, REQUEST);
  await put(encodeItem(anItem({ key: '42', version: 1 })));
  await expect(consumerLag(outbox, { ...inbox, consumer: 'nosuch' }, 'order#42')).rejects.toThrow(UNKNOWN);
  await expect(consumerLag(outbox, { ...inbox, consumer: 'shipping' }, 'order#42')).resolves.toMatchObject({
    pk: 'order#42',
  });
});

it('a consumer that has applied something and parked nothing is known', async () => {
  const { inbox } = await world(SHIPPING);
  expect(await parkedKeys(inbox, { consumer: 'shipping' })).toEqual([]);
  expect(await parkedKeys(inbox)).toEqual([]);
});

it('one that has parked a key is asked no further, whichever key is named', async () => {
  const { inbox } = await world(MAILS);
  expect(await parkedKeys(inbox, { consumer: 'mails', keys: ['8'] })).toEqual([]);
});

it.each<[string, readonly Item[]]>([
  ['an empty table', []],
  ['an outbox table', [encodeItem(anItem({ key: '42', version: 1 })), { pk: 'order#42', sk: '~signal#1' }]],
  ["a service's own table", [{ pk: 'order#42', sk: 'details' }]],
])('%s is no inbox', async (_, rows) => {
  const { inbox } = await world(...rows);
  const refusal = /table inbox holds nothing of any consumer: it is no inbox, or no consumer has applied/;
  await expect(parkedKeys(inbox)).rejects.toThrow(refusal);
  await expect(parkedKeys(inbox, { consumer: 'order' })).rejects.toThrow(refusal);
});

it('a table says which keys of a Kafka key its consumers have seen', async () => {
  const { inbox } = await world(SHIPPING, MAILS, { ...SHIPPING, sk: 'parked#0000000001#2' }, REQUEST);
  const { consumers, keys } = await inboxContents(inbox, { kafkaKeys: ['42'] });
  expect(consumers).toEqual(['mails', 'shipping']);
  expect(keys).toEqual([{ consumer: 'shipping', key: { topic: 'orders', source: '/shop/order', key: '42' } }]);
});

it.each<[InboxKey]>([
  [{ topic: 'orders', source: '/shop/order', key: '42' }],
  [{ topic: 'orders', source: 'a#b%23', key: 'x#y/z|' }],
  [{ topic: 'orders', source: '/shop', key: '42', aggregate: 'order' }],
  [{ topic: 'orders', source: '/shop', key: '', aggregate: 'a#b', partition: 3 }],
])('a key can be read from the text under which it is stored: %j', (key) => {
  expect(decodeInboxKeyText(inboxKeyText(key))).toEqual(key);
});

it('a name that is stored as a hash is no key', () => {
  expect(decodeInboxKeyText(`orders#sha256:${'0'.repeat(64)}`)).toBeUndefined();
});
