import { randomUUID } from 'node:crypto';
import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';

type Request = readonly [name: string, send: (client: DynamoDBDocument) => Promise<object>];

const singles = { TableName: 'singles' };
const pairs = { TableName: 'pairs' };

/** An item with every kind of value that a condition may test. */
const ITEM = {
  id: 'all',
  text: 'äbc',
  none: null,
  yes: true,
  amount: 12.5,
  bytes: Buffer.from([1, 2, 3]),
  inner: { name: 'x', 'with space': 1, list: [1, { deep: 'y' }, 3] },
  items: ['a', 'b', 'a'],
  tags: new Set(['red', 'blue']),
  numbers: new Set([1, 2.5]),
};

const condition =
  (expression: string, values?: Record<string, unknown>, names?: Record<string, string>, id = 'all'): Request[1] =>
  (client) =>
    client.put({
      ...singles,
      Item: { ...ITEM, id },
      ConditionExpression: expression,
      ...(values && { ExpressionAttributeValues: values }),
      ...(names && { ExpressionAttributeNames: names }),
    });

const conditions: [string, Record<string, unknown>?, Record<string, string>?][] = [
  ['attribute_exists(id)'],
  ['attribute_not_exists(id)'],
  ['attribute_exists(inner.list[1].deep)'],
  ['attribute_exists(inner.list[9])'],
  ['attribute_exists(amount.nothing)'],
  ['attribute_exists(missing) OR attribute_exists(id)'],
  ['NOT attribute_exists(missing)'],
  ['attribute_exists(toString)'],
  ['attribute_exists(inner.#c)', undefined, { '#c': 'constructor' }],
  ['NOT (attribute_exists(missing) OR attribute_exists(id))'],
  ['attribute_exists(missing) AND attribute_exists(id) OR attribute_exists(id)'],
  ['attribute_exists(id) or attribute_exists(missing) and attribute_exists(missing)'],
  ['not attribute_exists(missing) and attribute_exists(id)'],
  ['amount = :v', { ':v': 12.5 }],
  ['amount = :v', { ':v': '12.5' }],
  ['amount <> :v', { ':v': '12.5' }],
  ['amount <> :v', { ':v': 12.5 }],
  ['missing <> :v', { ':v': 1 }],
  ['missing = :v', { ':v': 1 }],
  ['missing < :v', { ':v': 1 }],
  ['NOT missing < :v', { ':v': 1 }],
  ['amount < :v', { ':v': 100 }],
  ['amount < :v', { ':v': 2 }],
  ['amount >= :v', { ':v': 12.5 }],
  ['amount < :v', { ':v': 'z' }],
  ['text > :v', { ':v': 'z' }],
  ['text < :v', { ':v': 'z' }],
  ['yes = :v', { ':v': true }],
  ['yes < :v', { ':v': true }],
  ['none = :v', { ':v': null }],
  ['inner.#n = :v', { ':v': 'x' }, { '#n': 'name' }],
  ['inner.#s = :v', { ':v': 1 }, { '#s': 'with space' }],
  ['#i.#l[0] = :v', { ':v': 1 }, { '#i': 'inner', '#l': 'list' }],
  ['inner.list[0] = :v', { ':v': 1 }],
  ['inner = :v', { ':v': ITEM.inner }],
  ['inner = :v', { ':v': { ...ITEM.inner, more: 1 } }],
  ['tags = :v', { ':v': new Set(['blue', 'red']) }],
  ['tags = :v', { ':v': new Set(['blue']) }],
  ['amount BETWEEN :a AND :b', { ':a': 12, ':b': 13 }],
  ['amount BETWEEN :a AND :b', { ':a': 13, ':b': 14 }],
  ['amount BETWEEN :a AND :b', { ':a': 14, ':b': 13 }],
  ['amount BETWEEN :a AND :b AND yes = :y', { ':a': 12, ':b': 13, ':y': true }],
  ['amount IN (:a, :b)', { ':a': 1, ':b': 12.5 }],
  ['amount IN (:a, :b)', { ':a': 1, ':b': 2 }],
  ['missing IN (:a)', { ':a': 1 }],
  ['begins_with(text, :v)', { ':v': 'ä' }],
  ['begins_with(text, :v)', { ':v': 'b' }],
  ['begins_with(missing, :v)', { ':v': 'b' }],
  ['begins_with(amount, :v)', { ':v': '1' }],
  ['begins_with(text, :v)', { ':v': 1 }],
  ['begins_with(bytes, :v)', { ':v': Buffer.from([1, 2]) }],
  ['contains(text, :v)', { ':v': 'bc' }],
  ['contains(text, :v)', { ':v': 'bd' }],
  ['contains(text, :v)', { ':v': 1 }],
  ['contains(tags, :v)', { ':v': 'red' }],
  ['contains(tags, :v)', { ':v': 'green' }],
  ['contains(numbers, :v)', { ':v': 2.5 }],
  ['contains(items, :v)', { ':v': 'b' }],
  ['contains(items, :v)', { ':v': 'z' }],
  ['contains(inner.list, :v)', { ':v': { deep: 'y' } }],
  ['contains(bytes, :v)', { ':v': Buffer.from([2]) }],
  ['attribute_type(text, :v)', { ':v': 'S' }],
  ['attribute_type(tags, :v)', { ':v': 'SS' }],
  ['attribute_type(text, :v)', { ':v': 'STRING' }],
  ['size(text) = :v', { ':v': 3 }],
  ['size(text) = :v', { ':v': 4 }],
  ['size(bytes) = :v', { ':v': 3 }],
  ['size(items) = :v', { ':v': 3 }],
  ['size(inner) = :v', { ':v': 3 }],
  ['size(tags) > :v', { ':v': 1 }],
  ['size(amount) > :v', { ':v': 0 }],
  ['size(missing) > :v', { ':v': 0 }],
  ['size(missing) <> :v', { ':v': 0 }],
  ['amount = amount'],
  ['amount > inner.list[0]'],
  ['missing = other'],
  ['missing <> other'],
  [':a = amount', { ':a': 12.5 }],
  // Invalid conditions.
  ['status = :v', { ':v': 1 }],
  ['inner.status = :v', { ':v': 1 }],
  ['amount = :v', { ':w': 1 }],
  ['amount = :v', { ':v': 1, ':w': 2 }],
  ['#a = :v', { ':v': 1 }],
  ['amount = :v', { ':v': 1 }, { '#a': 'amount' }],
  ['amount == :v', { ':v': 1 }],
  ['amount', undefined],
  ['amount = :v AND', { ':v': 1 }],
  ['(amount = :v', { ':v': 1 }],
  ['amount = :v)', { ':v': 1 }],
  ['exists(amount)'],
  ['attribute_exists(:v)', { ':v': 1 }],
  ['attribute_exists(amount, text)'],
  ['ATTRIBUTE_EXISTS(amount)'],
  ['contains(:v, text)', { ':v': 'xäbcx' }],
  ['begins_with(:v, text)', { ':v': 'äbcx' }],
  ['attribute_exists (amount)'],
  [' '],
  ['a-b = :v', { ':v': 1 }],
  ['_private = :v', { ':v': 1 }],
  ['#a-b = :v', { ':v': 1 }, { '#a-b': 'amount' }],
  ['size(items) + :v = :w', { ':v': 3, ':w': 3 }],
  ['((amount = :v))', { ':v': 12.5 }],
  ['contains(text, text)'],
  ['amount BETWEEN :a AND amount', { ':a': 1 }],
  ['amount BETWEEN :a AND :b', { ':a': 1, ':b': 'z' }],
  ['amount IN (amount)'],
  ['tags < :v', { ':v': new Set(['a']) }],
  ['(amount = :v) AND (yes = :y)', { ':v': 12.5, ':y': true }],
  ['(NOT (amount = :v))', { ':v': 1 }],
  ['NOT ((amount = :v) OR (amount = :w))', { ':v': 1, ':w': 2 }],
  ['amount = :v OR (amount = :v AND (amount = :v))', { ':v': 12.5 }],
];

const update =
  (
    UpdateExpression: string | undefined,
    values?: Record<string, unknown>,
    more: Record<string, unknown> = {},
    id = 'u',
  ): Request[1] =>
  (client) =>
    client.update({
      ...singles,
      Key: { id },
      UpdateExpression,
      ...(values && { ExpressionAttributeValues: values }),
      ReturnValues: 'ALL_NEW',
      ...more,
    });

const updates: [string | undefined, Record<string, unknown>?, Record<string, unknown>?][] = [
  ['SET a = :v', { ':v': 1 }],
  ['SET a = a + :v, b = a', { ':v': 1 }],
  ['SET a = :v - a', { ':v': 10.25 }],
  ['SET c = if_not_exists(c, :v)', { ':v': [1] }],
  ['SET c = if_not_exists(c, :v)', { ':v': [2] }],
  ['SET c = list_append(c, :v)', { ':v': [2] }],
  ['SET c = list_append(:v, c)', { ':v': [0] }],
  ['SET c = list_append(if_not_exists(d, :empty), :v)', { ':empty': [], ':v': ['x'] }],
  ['SET c[1] = :v', { ':v': 'y' }],
  ['SET c[9] = :v', { ':v': 'z' }],
  ['SET m = :v', { ':v': { x: 1, deep: { y: 2 } } }],
  ['SET m.deep.y = m.deep.y + :v', { ':v': 1 }],
  ['SET m.#new = :v', { ':v': 'n' }, { ExpressionAttributeNames: { '#new': 'name' } }],
  ['SET nowhere.x = :v', { ':v': 1 }],
  ['SET a.x = :v', { ':v': 1 }],
  ['SET m[0] = :v', { ':v': 1 }],
  ['SET x = missing', undefined],
  ['SET x = missing + :v', { ':v': 1 }],
  ['SET x = m + :v', { ':v': 1 }],
  ['SET x = list_append(a, :v)', { ':v': [1] }],
  ['SET n = if_not_exists(n, :zero) + :one', { ':zero': 0, ':one': 1 }],
  ['SET n = if_not_exists(n, :zero) + :one', { ':zero': 0, ':one': 1 }],
  ['SET c = :v', { ':v': ['p', 'q', 'r', 's'] }],
  ['REMOVE c[0], c[2]'],
  ['REMOVE c[7]'],
  ['SET l = :v', { ':v': [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]] }],
  ['REMOVE l[1], l[2][0], l[3][0], l[0][1]'],
  ['SET l[0][0] = :v REMOVE l[1]', { ':v': 'x' }],
  ['SET toString = :v', { ':v': 1 }],
  ['ADD valueOf :v', { ':v': 1 }],
  ['REMOVE hasOwnProperty'],
  ['REMOVE m.deep.y, missing'],
  ['REMOVE nowhere.x'],
  ['REMOVE m.deep.y.z'],
  ['ADD n :v', { ':v': 2.5 }],
  ['ADD fresh :v', { ':v': 1 }],
  ['ADD tags :v', { ':v': new Set(['a', 'b']) }],
  ['ADD tags :v', { ':v': new Set(['b', 'c']) }],
  ['DELETE tags :v', { ':v': new Set(['a', 'x']) }],
  ['DELETE tags :v', { ':v': new Set([1]) }],
  ['DELETE tags :v', { ':v': new Set(['b', 'c']) }],
  ['DELETE tags :v', { ':v': new Set(['b', 'c']) }],
  ['ADD a :v', { ':v': 'text' }],
  ['ADD m :v', { ':v': 1 }],
  ['ADD a :v', { ':v': new Set([1]) }],
  ['DELETE a :v', { ':v': 1 }],
  ['DELETE a :v', { ':v': new Set([1]) }],
  ['SET a = :v REMOVE b ADD n :one DELETE tags :t', { ':v': 5, ':one': 1, ':t': new Set(['a']) }],
  ['set a = :v remove b', { ':v': 6 }],
  ['SET a = :v SET b = :v', { ':v': 5 }],
  ['SET a = :v, a = :v', { ':v': 5 }],
  ['SET m.x = :v, m = :w', { ':v': 5, ':w': {} }],
  ['SET m.x = :v, m.z = :v', { ':v': 5 }],
  ['SET id = :v', { ':v': 'other' }],
  ['REMOVE id'],
  ['SET a = :v + :w + :w', { ':v': 1, ':w': 2 }],
  ['SET a = (:v + :w)', { ':v': 1, ':w': 2 }],
  ['SET a = (:v) + :w', { ':v': 1, ':w': 2 }],
  ['SET a = :v + (:w)', { ':v': 1, ':w': 2 }],
  ['SET a = (:v + :w) + :w', { ':v': 1, ':w': 2 }],
  ['SET a = ((:v + :w))', { ':v': 1, ':w': 2 }],
  ['SET a = (if_not_exists(a, :v) - :w)', { ':v': 1, ':w': 2 }],
  ['SET a :v', { ':v': 1 }],
  ['UPDATE a = :v', { ':v': 1 }],
  ['SET status = :v', { ':v': 1 }],
  ['SET a = size(c)'],
  ['SET a = upper(c)'],
  [undefined],
  ['SET a = :v', { ':v': 1 }, { ReturnValues: 'UPDATED_NEW' }],
  ['SET a = :v, b = a', { ':v': 1 }, { ReturnValues: 'UPDATED_NEW' }],
  ['SET a = :v', { ':v': 2 }, { ReturnValues: 'UPDATED_OLD' }],
  ['SET a = :v', { ':v': 3 }, { ReturnValues: 'ALL_OLD' }],
  ['SET a = :v', { ':v': 3 }, { ReturnValues: 'NONE' }],
  ['SET a = :v', { ':v': 3 }, { ReturnValues: 'SOMETHING' }],
  ['SET a = :v', { ':v': 4 }, { ConditionExpression: 'a = :v' }],
  ['SET a = :v', { ':v': 4 }, { ConditionExpression: 'a = :v', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }],
  ['SET a = :v', { ':v': 3 }, { ConditionExpression: 'a = :v' }],
  ['SET big = :v', { ':v': 'x'.repeat(410_000) }],
  ['SET e = :v', { ':v': 9.999 }],
];

const put = (table: object, Item: Record<string, unknown>, more: object = {}): Request[1] => {
  return (client) => client.put({ ...(table as { TableName: string }), Item, ...more });
};

const token = randomUUID();
const entry = (id: string, more: object = {}) => ({ Put: { ...singles, Item: { id }, ...more } });
const fresh = { ConditionExpression: 'attribute_not_exists(id)' };
const transact =
  (TransactItems: object[], ClientRequestToken?: string): Request[1] =>
  (client) =>
    client.transactWrite({ TransactItems, ...(ClientRequestToken && { ClientRequestToken }) });

const query =
  (KeyConditionExpression: string, values: Record<string, unknown>, more: object = {}): Request[1] =>
  (client) =>
    client.query({ ...pairs, KeyConditionExpression, ExpressionAttributeValues: values, ...more });

const get =
  (id: unknown, more: object = {}): Request[1] =>
  (client) =>
    client.get({ ...singles, Key: { id }, ...more });

const partition: Request[] = ['a1', 'a2', 'ab', 'b1', 'ä', 'z', 'Z', '10', '9'].map((sk, at) => [
  `put ${sk}`,
  put(pairs, { pk: 'p', sk, at, parity: at % 2 }),
]);

/** Consecutive requests with the same result from a table in memory and from a real one. */
export const SCRIPTS: Readonly<Record<string, readonly Request[]>> = {
  conditions: [
    ['the item', put(singles, ITEM)],
    ...conditions.map(([text, values, names], at): Request => [`${at}: ${text}`, condition(text, values, names)]),
    ...conditions.map(([text, values, names], at): Request => [
      `${at}: ${text} on no item`,
      condition(text, values, names, `missing-${at}`),
    ]),
  ],
  updates: updates.flatMap(([text, values, more], at): Request[] => [
    [`${at}: ${String(text).slice(0, 60)}`, update(text, values, more)],
    [`${at}: then the item`, get('u')],
  ]),
  'single writes': [
    ['put', put(singles, { id: '1', a: 1 })],
    ['put over it', put(singles, { id: '1', a: 2 }, { ReturnValues: 'ALL_OLD' })],
    ['put, asking for the new', put(singles, { id: '1', a: 2 }, { ReturnValues: 'ALL_NEW' })],
    ['put without a key', put(singles, { a: 1 })],
    ['put with an empty key', put(singles, { id: '' })],
    ['put with a key of another type', put(singles, { id: true })],
    ['put with an empty text', put(singles, { id: '2', text: '', list: [], map: {} })],
    ['put too much', put(singles, { id: '3', text: 'x'.repeat(410_000) })],
    [
      'put with a condition that fails',
      put(singles, { id: '1' }, { ...fresh, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }),
    ],
    ['get', get('1')],
    ['get nothing', get('nothing')],
    ['get a part', get('1', { ProjectionExpression: 'a, missing' })],
    ['get with a reserved word', get('1', { ProjectionExpression: 'status' })],
    ['get by a wrong key', (client) => client.get({ ...singles, Key: { id: '1', more: '2' } })],
    ['get by another attribute', (client) => client.get({ ...singles, Key: { pk: '1' } })],
    [
      'delete with a condition that fails',
      (client) => client.delete({ ...singles, Key: { id: '1' }, ConditionExpression: 'attribute_exists(b)' }),
    ],
    ['delete', (client) => client.delete({ ...singles, Key: { id: '1' }, ReturnValues: 'ALL_OLD' })],
    ['delete again', (client) => client.delete({ ...singles, Key: { id: '1' }, ReturnValues: 'ALL_OLD' })],
    ['a part of a document', put(singles, { id: 'doc', m: { a: 1, b: { c: 2, d: 3 } }, l: [1, { x: 1, y: 2 }, 3] })],
    ['project it', get('doc', { ProjectionExpression: 'm.b.c, l[1].y, l[2], l[9]' })],
    ['project one that holds the other', get('doc', { ProjectionExpression: 'm.b, m.b.c' })],
    [
      'very precise numbers',
      (client) =>
        client.update({
          ...singles,
          Key: { id: 'n' },
          UpdateExpression: 'SET a = :v',
          ExpressionAttributeValues: { ':v': 0.1 },
          ReturnValues: 'ALL_NEW',
        }),
    ],
    [
      'add to them',
      (client) =>
        client.update({
          ...singles,
          Key: { id: 'n' },
          UpdateExpression: 'ADD a :v',
          ExpressionAttributeValues: { ':v': 0.2 },
          ReturnValues: 'ALL_NEW',
        }),
    ],
    [
      'large numbers',
      (client) =>
        client.update({
          ...singles,
          Key: { id: 'n' },
          UpdateExpression: 'SET a = :v',
          ExpressionAttributeValues: { ':v': 1e15 },
          ReturnValues: 'ALL_NEW',
        }),
    ],
  ],
  transactions: [
    ['two puts', transact([entry('t1', fresh), entry('t2', fresh)], token)],
    ['the same request again', transact([entry('t1', fresh), entry('t2', fresh)], token)],
    ['another one with its token', transact([entry('t1', fresh)], token)],
    [
      'without the token',
      transact([entry('t1', { ...fresh, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }), entry('t3', fresh)]),
    ],
    ['nothing of it was written', get('t3')],
    ['two on one item', transact([entry('t4'), { Delete: { ...singles, Key: { id: 't4' } } }])],
    [
      'a check that holds',
      transact([
        entry('t5'),
        { ConditionCheck: { ...singles, Key: { id: 't1' }, ConditionExpression: 'attribute_exists(id)' } },
      ]),
    ],
    [
      'a check that fails',
      transact([
        entry('t6'),
        { ConditionCheck: { ...singles, Key: { id: 'no' }, ConditionExpression: 'attribute_exists(id)' } },
      ]),
    ],
    [
      'an update',
      transact([
        {
          Update: {
            ...singles,
            Key: { id: 't1' },
            UpdateExpression: 'SET a = :v',
            ExpressionAttributeValues: { ':v': 'text' },
          },
        },
      ]),
    ],
    [
      'an expression that is none',
      transact([
        entry('t7'),
        {
          Update: {
            ...singles,
            Key: { id: 't1' },
            UpdateExpression: 'SET a = = :v',
            ExpressionAttributeValues: { ':v': 1 },
          },
        },
      ]),
    ],
    [
      'an item that is too large',
      transact([entry('t7'), { Put: { ...singles, Item: { id: 't8', text: 'x'.repeat(410_000) } } }]),
    ],
    ['an item without a key', transact([entry('t7'), { Put: { ...singles, Item: { a: 1 } } }])],
    ['a delete', transact([{ Delete: { ...singles, Key: { id: 't1' } } }])],
    ['none', transact([])],
    ['101', transact(Array.from({ length: 101 }, (_, at) => entry(`m${at}`)))],
    ['100', transact(Array.from({ length: 100 }, (_, at) => entry(`m${at}`)))],
    [
      'reads',
      (client) =>
        client.transactGet({
          TransactItems: [{ Get: { ...singles, Key: { id: 't5' } } }, { Get: { ...singles, Key: { id: 'no' } } }],
        }),
    ],
  ],
  queries: [
    ...partition,
    ['another partition', put(pairs, { pk: 'q', sk: 'a1' })],
    ['all', query('pk = :pk', { ':pk': 'p' })],
    ['backwards', query('pk = :pk', { ':pk': 'p' }, { ScanIndexForward: false })],
    ['begins', query('pk = :pk AND begins_with(sk, :sk)', { ':pk': 'p', ':sk': 'a' })],
    ['between', query('pk = :pk AND sk BETWEEN :a AND :b', { ':pk': 'p', ':a': 'a2', ':b': 'b' })],
    ['from', query('pk = :pk AND sk >= :sk', { ':pk': 'p', ':sk': 'ab' })],
    ['below', query('sk < :sk AND pk = :pk', { ':pk': 'p', ':sk': 'a2' })],
    ['one', query('pk = :pk AND sk = :sk', { ':pk': 'p', ':sk': 'a2' })],
    ['unequal', query('pk = :pk AND sk <> :sk', { ':pk': 'p', ':sk': 'a2' })],
    ['in brackets', query('(pk = :pk) AND (sk = :sk)', { ':pk': 'p', ':sk': 'a2' })],
    ['without the partition', query('sk = :sk', { ':sk': 'a2' })],
    ['a range of partitions', query('pk > :pk', { ':pk': 'p' })],
    ['by another attribute', query('pk = :pk AND at = :sk', { ':pk': 'p', ':sk': 1 })],
    ['either', query('pk = :pk OR sk = :sk', { ':pk': 'p', ':sk': 'a2' })],
    ['limited', query('pk = :pk', { ':pk': 'p' }, { Limit: 3 })],
    ['as many as there are', query('pk = :pk', { ':pk': 'p' }, { Limit: 9 })],
    ['more than there are', query('pk = :pk', { ':pk': 'p' }, { Limit: 10 })],
    ['none', query('pk = :pk', { ':pk': 'p' }, { Limit: 0 })],
    ['the next page', query('pk = :pk', { ':pk': 'p' }, { Limit: 3, ExclusiveStartKey: { pk: 'p', sk: 'Z' } })],
    [
      'the next page, backwards',
      query(
        'pk = :pk',
        { ':pk': 'p' },
        { Limit: 3, ScanIndexForward: false, ExclusiveStartKey: { pk: 'p', sk: 'b1' } },
      ),
    ],
    ['behind what is gone', query('pk = :pk', { ':pk': 'p' }, { ExclusiveStartKey: { pk: 'p', sk: 'aa' } })],
    ['filtered', query('pk = :pk', { ':pk': 'p', ':one': 1 }, { FilterExpression: 'parity = :one', Limit: 5 })],
    ['counted', query('pk = :pk', { ':pk': 'p' }, { Select: 'COUNT' })],
    ['parts', query('pk = :pk', { ':pk': 'p' }, { ProjectionExpression: 'sk, parity' })],
    ['unused value', query('pk = :pk', { ':pk': 'p', ':unused': 1 })],
    ['filter by a key', query('pk = :pk', { ':pk': 'p', ':sk': 'z' }, { FilterExpression: 'sk = :sk' })],
    ['twice the partition', query('pk = :pk AND pk = :pk', { ':pk': 'p' })],
    ['three conditions', query('pk = :pk AND sk > :a AND sk < :b', { ':pk': 'p', ':a': 'a', ':b': 'b' })],
    ['by a key of another type', query('pk = :pk', { ':pk': 1 })],
  ],
  batches: [
    [
      'write',
      (client) =>
        client.batchWrite({
          RequestItems: {
            singles: [{ PutRequest: { Item: { id: 'b1', a: 1 } } }, { DeleteRequest: { Key: { id: 'no' } } }],
          },
        }),
    ],
    [
      'write twice',
      (client) =>
        client.batchWrite({
          RequestItems: { singles: [{ PutRequest: { Item: { id: 'b1' } } }, { DeleteRequest: { Key: { id: 'b1' } } }] },
        }),
    ],
    [
      'read',
      (client) => client.batchGet({ RequestItems: { singles: { Keys: [{ id: 'b1' }], ProjectionExpression: 'a' } } }),
    ],
    ['read nothing', (client) => client.batchGet({ RequestItems: { singles: { Keys: [{ id: 'none' }] } } })],
    ['read twice', (client) => client.batchGet({ RequestItems: { singles: { Keys: [{ id: 'b1' }, { id: 'b1' }] } } })],
  ],
};
