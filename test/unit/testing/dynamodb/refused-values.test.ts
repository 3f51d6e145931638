import { GetItemCommand, PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { aDatabase, N, REFUSED, S, things } from './database';

const nested = (levels: number): AttributeValue => (levels === 0 ? N('1') : { L: [nested(levels - 1)] });

const WRONG: readonly [string, AttributeValue][] = [
  ['a value without a type', {} as AttributeValue],
  ['a value with two types', { S: 'a', N: '1' } as unknown as AttributeValue],
  ['an empty set', { SS: [] }],
  ['an empty set in a list', { L: [{ NS: [] }] }],
  ['a set with a member twice', { SS: ['a', 'a'] }],
  ['a set with a number twice, written differently', { NS: ['1', '1.0'] }],
  ['NULL that is false', { NULL: false }],
  ['a nameless attribute', { M: { '': N('1') } }],
  ['no number', N('one')],
  ['a number behind a space', N(' 1')],
  ['a number in front of a line break', N('1\n')],
  ['a number of 39 digits', N('1'.repeat(39))],
  ['a number too large', N('1e126')],
  ['a number too small', N('1e-131')],
  ['a number with an exponent that no number has', N('0e9999999999')],
  ['33 levels of lists', nested(33)],
];

describe.each(WRONG)('%s', (_, value) => {
  it('is refused in an item', async () => {
    const { client } = await aDatabase();
    await expect(client.send(new PutItemCommand({ ...things, Item: { id: S('2'), value } }))).rejects.toMatchObject(
      REFUSED,
    );
  });

  it('is refused in a condition, whether or not it holds', async () => {
    const { putWhen } = await aDatabase();
    await expect(putWhen('gone = :v', { ':v': value })).rejects.toMatchObject(REFUSED);
  });

  it('is refused in a filter', async () => {
    const { scanWhere } = await aDatabase();
    await expect(scanWhere('gone = :v', { ':v': value })).rejects.toMatchObject(REFUSED);
  });

  it('is refused in an update', async () => {
    const { update, item } = await aDatabase();
    const before = await item();
    await expect(update('SET amount = :v', { ':v': value })).rejects.toMatchObject(REFUSED);
    await expect(item()).resolves.toEqual(before);
  });
});

it('counts the item as the first of 32 levels', async () => {
  const { client, update, scanWhere } = await aDatabase();
  const put = (levels: number) =>
    client.send(new PutItemCommand({ ...things, Item: { id: S('2'), value: nested(levels) } }));
  await put(31);
  await expect(put(32)).rejects.toMatchObject(REFUSED);
  await scanWhere('gone = :v', { ':v': nested(32) });
  await expect(update('SET nest.x = :v', { ':v': nested(31) })).rejects.toMatchObject(REFUSED);
});

it.each<[string, Record<string, AttributeValue> | undefined]>([
  ['no key', undefined],
  ['an empty key', {}],
  ['another attribute', { other: S('1') }],
  ['an attribute too many', { id: S('1'), other: S('1') }],
  ['an empty text', { id: S('') }],
  ['another type', { id: N('1') }],
  ['no scalar', { id: { L: [] } }],
  ['2,049 bytes', { id: S('x'.repeat(2049)) }],
])('refuses as a key: %s', async (_, Key) => {
  const { client } = await aDatabase();
  await expect(client.send(new GetItemCommand({ ...things, Key }))).rejects.toMatchObject(REFUSED);
});

it('refuses a nameless attribute of an item', async () => {
  const { client } = await aDatabase();
  await expect(client.send(new PutItemCommand({ ...things, Item: { id: S('2'), '': N('1') } }))).rejects.toMatchObject(
    REFUSED,
  );
});
