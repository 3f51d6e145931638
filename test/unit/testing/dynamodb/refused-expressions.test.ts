import { GetItemCommand, ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { aDatabase, N, pairs, REFUSED, S, things } from './database';

type Values = Record<string, AttributeValue>;

const LIST = { ':l': { L: [N('1')] } };
const SET = { ':s': { SS: ['red'] } };
const TEXT = { ':t': S('a') };
const ONE = { ':n': N('1') };
/** Each case becomes a title, the expression, and its values. */
const cases = (...each: readonly (readonly [expression: string, values?: Values])[]): [string, string, Values?][] =>
  each.map(([expression, values]) => [expression.slice(0, 60), expression, values]);
const times = (count: number, note: string, separator: string) => Array(count).fill(note).join(separator);

it.each(
  cases(
    ['id.x = :n', ONE],
    ['attribute_exists(id[0])'],
    ['begins_with(:s, :t)', { ...SET, ...TEXT }],
    ['begins_with(:n, note)', ONE],
    ['begins_with(size(note), :t)', TEXT],
    ['begins_with(note, note)'],
    ['contains(note, note)'],
    [':l BETWEEN amount AND note', LIST],
    ['size(:n) > amount', ONE],
    ['amount = amount'],
    ['words[01] = :n', ONE],
    ['words[2147483648] = :n', ONE],
    ['remove = :n', ONE],
    ['((amount)) = :n', ONE],
    ['((amount = :n))', ONE],
    [`a${'.a'.repeat(32)} = :n`, ONE],
    [times(151, 'a=:n', ' OR '), ONE],
    [times(101, 'size(a)=:n', ' OR '), ONE],
    [`amount IN (${times(101, ':n', ',')})`, ONE],
    [`amount = :n${' '.repeat(4096)}`, ONE],
  ),
)('refuses the condition %s, whether or not it would hold', async (_, expression, values) => {
  const { deleteWhen, scanWhere, item } = await aDatabase();
  await expect(deleteWhen(expression, values)).rejects.toMatchObject(REFUSED);
  await expect(scanWhere(expression, values)).rejects.toMatchObject(REFUSED);
  await expect(item()).resolves.toBeDefined();
});

it.each(
  cases(
    [`a${'.a'.repeat(31)} <> :n`, ONE],
    [times(150, 'a<>:n', ' OR '), ONE],
    [`size(a) <> :n OR amount IN (${times(100, ':n', ',')})`, ONE],
    ['(amount) <> (:n)', ONE],
    ['((amount) <> :n) AND (size((note)) > :n)', ONE],
    ['size(:t) = :n', { ...TEXT, ...ONE }],
    [':n = :n', ONE],
    ['attribute_type(size(note), :type) OR size(note) > :n', { ':type': S('S'), ...ONE }],
    ['attribute_type(:t, :type)', { ...TEXT, ':type': S('S') }],
    // Two missing attributes count as unequal.
    ['gone <> lost'],
  ),
)('accepts the condition %s', async (_, expression, values) => {
  const { putWhen } = await aDatabase();
  await putWhen(expression, values);
});

it.each(
  cases(
    ['SET a = if_not_exists(a, list_append(words, :l))', LIST],
    ['SET a = list_append(list_append(words, :l), :l)', LIST],
    ['SET a = list_append(words, :l) + amount', LIST],
    ['SET a = if_not_exists(amount, amount)'],
    ['SET a = if_not_exists(id.x, amount)'],
    ['SET a = list_append(words, :n)', ONE],
    ['SET a = amount + :t', TEXT],
    ['SET a = :n + amount + :n', ONE],
    ['SET a = ((amount))'],
    ['SET remove = :n', ONE],
    ['SET nest.x = :n, nest.x.y = :n', ONE],
    ['SET nest.x = :n REMOVE nest[0]', ONE],
    ['REMOVE words[0], words.x'],
    [`SET ${Array.from({ length: 301 }, (_, at) => `a${at}=b+c`).join()}`],
  ),
)('refuses the update %s, before its condition', async (_, expression, values) => {
  const { update } = await aDatabase();
  await expect(update(expression, values, 'attribute_not_exists(id)')).rejects.toMatchObject(REFUSED);
});

it.each(
  cases(
    ['DELETE gone.tags :s', SET],
    ['DELETE note.tags :s', SET],
    ['DELETE words.tags :s', SET],
    ['DELETE nest[0] :s', SET],
    ['DELETE words[9].tags :s', SET],
    ['ADD gone.amount :n', ONE],
    ['REMOVE gone.x'],
    ['SET words.x = :n', ONE],
    ['SET a = if_not_exists(gone, :t) + :n', { ...TEXT, ...ONE }],
    ['SET id = :t', TEXT],
    ['REMOVE id'],
  ),
)('refuses the update %s, and leaves the item as it is', async (_, expression, values) => {
  const { update, item } = await aDatabase();
  const before = await item();
  await expect(update(expression, values)).rejects.toMatchObject(REFUSED);
  await expect(item()).resolves.toEqual(before);
  await expect(update(expression, values, 'attribute_not_exists(id)')).rejects.toMatchObject({
    name: 'ConditionalCheckFailedException',
  });
});

it.each<[string, Values, Values]>([
  ['SET a = ((amount) + (:n))', ONE, { a: N('6') }],
  ['SET a = (if_not_exists((gone), (:n))) - amount', ONE, { a: N('-4') }],
  ['SET a = list_append((words), :l)', LIST, { a: { L: [S('a'), S('b'), N('1')] } }],
  // Behind the end of a list, the indexes only define the order, and leave no gap.
  ['SET words[9] = :n, words[5] = amount', ONE, { words: { L: [S('a'), S('b'), N('5'), N('1')] } }],
  ['DELETE nest.tags :s', SET, { nest: { M: { x: N('1') } } }],
])('accepts the update %s', async (expression, values, expected) => {
  const { update, item } = await aDatabase();
  await update(expression, values);
  await expect(item()).resolves.toMatchObject(expected);
});

it.each(['amount, amount', 'nest, nest.x', 'words[0], words.x', 'id.x', 'remove'])(
  'refuses the projection %s',
  async (ProjectionExpression) => {
    const { client } = await aDatabase();
    const Key = { id: S('9') };
    await expect(client.send(new GetItemCommand({ ...things, Key, ProjectionExpression }))).rejects.toMatchObject(
      REFUSED,
    );
  },
);

it.each<[string, string, Record<string, string>]>([
  ['no names', '#a = amount', {}],
  ['an empty name', '#a = amount', { '#a': '' }],
  ['a name of 64 KB', '#a = amount', { '#a': 'x'.repeat(65_536) }],
  ['an unused name', '#a = amount', { '#a': 'note', '#b': 'note' }],
  ['a placeholder of 256 bytes', `#${'a'.repeat(255)} = amount`, { [`#${'a'.repeat(255)}`]: 'note' }],
])('refuses %s', async (_, FilterExpression, ExpressionAttributeNames) => {
  const { client } = await aDatabase();
  await expect(
    client.send(new ScanCommand({ ...things, FilterExpression, ExpressionAttributeNames })),
  ).rejects.toMatchObject(REFUSED);
});

it('ignores empty names and values of a request without an expression', async () => {
  const { client } = await aDatabase();
  const empty = { ExpressionAttributeNames: {}, ExpressionAttributeValues: {} };
  await expect(client.send(new ScanCommand({ ...things, ...empty }))).resolves.toMatchObject({ Count: 1 });
});

describe('a key condition', () => {
  const p = { ':p': S('p') };

  it.each<[string, Values]>([
    ['sk > :t', TEXT],
    ['sk BETWEEN :p AND :t', TEXT],
    ['begins_with(sk, :n)', ONE],
    ['begins_with(sk, :t)', TEXT],
    ['sk > :empty', { ':empty': S('') }],
    ['sk BETWEEN a AND :n', ONE],
    ['begins_with(sk, a)', {}],
    ['sk > a', {}],
    ['sk <> :n', ONE],
    ['sk > :n AND sk < :n', ONE],
    ['a = :n', ONE],
    ['sk.x = :n', ONE],
  ])('is refused: pk = :p AND %s', async (range, values) => {
    const { query } = await aDatabase();
    await expect(query(`pk = :p AND ${range}`, { ...p, ...values })).rejects.toMatchObject(REFUSED);
  });

  it.each<[string, Values]>([
    ['pk = :n', ONE],
    ['pk = :empty', { ':empty': S('') }],
    ['pk > :p', p],
    ['sk = :n', ONE],
  ])('is refused: %s', async (condition, values) => {
    const { query } = await aDatabase();
    await expect(query(condition, values)).rejects.toMatchObject(REFUSED);
  });

  it.each<[string, Values, number]>([
    [':p = pk', p, 3],
    ['(pk) = (:p)', p, 3],
    [':n < sk AND :p = pk', { ...p, ...ONE }, 2],
    ['pk = :p AND :n >= sk', { ...p, ...ONE }, 1],
  ])('may stand the other way round: %s', async (condition, values, Count) => {
    const { query } = await aDatabase();
    await expect(query(condition, values)).resolves.toMatchObject({ Count });
  });

  it.each<[string, Values, Values]>([
    ['of another partition', { pk: S('q'), sk: N('1') }, {}],
    ['of a range that it is not in', { pk: S('p'), sk: N('9') }, {}],
    ['at the end of the range', { pk: S('p'), sk: N('2') }, {}],
    ['without its sort key', { pk: S('p') }, {}],
    ['of another type', { pk: S('p'), sk: S('1') }, {}],
    ['with another attribute', { pk: S('p'), sk: N('1'), a: N('1') }, {}],
  ])('is refused with a start %s', async (_, ExclusiveStartKey) => {
    const { query } = await aDatabase();
    await expect(query('pk = :p AND sk <= :n', { ...p, ':n': N('2') }, { ExclusiveStartKey })).rejects.toMatchObject(
      REFUSED,
    );
  });

  it.each<[string, Values, boolean, boolean]>([
    ['sk <= :n', { ':n': N('2') }, true, false],
    ['sk <= :n', { ':n': N('3') }, true, true],
    ['sk < :n', { ':n': N('3') }, true, true],
    ['sk >= :n', { ':n': N('2') }, false, false],
    ['sk BETWEEN :n AND :m', { ':n': N('1'), ':m': N('2') }, true, false],
    ['sk BETWEEN :n AND :m', { ':n': N('2'), ':m': N('20') }, false, false],
  ])('says whether more may follow behind a full page: %s', async (range, values, ScanIndexForward, isMore) => {
    const { query } = await aDatabase();
    const page = await query(`pk = :p AND ${range}`, { ...p, ...values }, { Limit: 2, ScanIndexForward });
    expect(page).toMatchObject({ Count: 2 });
    expect('LastEvaluatedKey' in (page as object)).toBe(isMore);
  });

  it('is refused with a filter on the key, and a path into a key', async () => {
    const { query } = await aDatabase();
    for (const FilterExpression of ['pk = :p', 'sk.x = :p']) {
      await expect(query('pk = :p', p, { FilterExpression })).rejects.toMatchObject(REFUSED);
    }
  });

  it('is not needed to know a table', async () => {
    const { client } = await aDatabase();
    await expect(client.send(new ScanCommand(pairs))).resolves.toMatchObject({ Count: 3 });
  });
});
