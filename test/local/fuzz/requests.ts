import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc, { type Arbitrary } from 'fast-check';
import { condition, keyCondition, projection, rendered, update } from './expressions';
import { aValue, anyNumber } from './values';

type Values = Record<string, AttributeValue>;
type Input = Record<string, unknown>;

/** A request as the SDK takes it: the operation, and its command's input. */
export interface FuzzRequest {
  readonly operation: string;
  readonly input: Input;
}

export const TABLES = { singles: { id: 'S' }, pairs: { pk: 'S', sk: 'N' }, binaries: { id: 'B' } } as const;

const sometimes = <T>(part: Arbitrary<T>, weight = 10): Arbitrary<T | undefined> =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, { weight, arbitrary: part });
/** Omits undefined parts. */
const input = (parts: Readonly<Record<string, Arbitrary<unknown>>>): Arbitrary<Input> =>
  fc.record(parts).map((all) => Object.fromEntries(Object.entries(all).filter(([, part]) => part !== undefined)));
const merged = (...parts: readonly Arbitrary<Input>[]): Arbitrary<Input> =>
  fc.tuple(...parts).map((all) => all.reduce((sum, part) => ({ ...sum, ...part }), {}));
const mostly = <T>(usual: Arbitrary<T>, odd: Arbitrary<unknown>): Arbitrary<unknown> =>
  fc.oneof({ weight: 25, arbitrary: usual }, { weight: 1, arbitrary: odd });

const wrongKey = fc.constantFrom<unknown>(
  undefined,
  {},
  { id: { S: '' } },
  { id: { N: '1' } },
  { id: { L: [] } },
  { id: { B: Buffer.from('') } },
  { id: { S: 'k' }, a: { S: 'k' } },
  { pk: { S: 'p' } },
  { pk: { S: 'p' }, sk: { S: '1' } },
  { id: { S: 'x'.repeat(2049) } },
);
const singleKey: Arbitrary<Values> = fc.constantFrom('k', 'l', 'm').map((S) => ({ id: { S } }));
const pairKey: Arbitrary<Values> = fc
  .tuple(fc.constantFrom('p', 'q'), fc.constantFrom('1', '2', '2.0', '10', '-1', '1e1'))
  .map(([S, N]) => ({ pk: { S }, sk: { N } }));
const binaryKey: Arbitrary<Values> = fc.constantFrom('k', 'l').map((text) => ({ id: { B: Buffer.from(text) } }));

const attributes: Arbitrary<Values> = fc.record(
  {
    a: aValue,
    b: aValue,
    list: fc.record({ L: fc.array(aValue, { maxLength: 3 }) }),
    map: fc.record({ M: fc.record({ x: aValue, y: aValue }, { requiredKeys: [] }) }),
    tags: fc.constant({ SS: ['x', 'z'] }),
    marks: fc.record({ N: anyNumber }),
  },
  { requiredKeys: [] },
);
const itemWith = (key: Arbitrary<Values>): Arbitrary<unknown> =>
  mostly(
    fc.tuple(attributes, key).map(([rest, keys]) => ({ ...rest, ...keys })),
    wrongKey,
  );

const table = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ TableName: 'singles', key: singleKey }) },
  { weight: 2, arbitrary: fc.constant({ TableName: 'pairs', key: pairKey }) },
  { weight: 1, arbitrary: fc.constant({ TableName: 'binaries', key: binaryKey }) },
);
/** The table of a request and its item or key. */
const onTable = (parameter: 'Item' | 'Key'): Arbitrary<Input> =>
  table.chain(({ TableName, key }) =>
    merged(
      input({ TableName: mostly(fc.constant(TableName), fc.constantFrom(undefined, '', 'a b')) }),
      input({ [parameter]: parameter === 'Item' ? itemWith(key) : mostly(key, wrongKey) }),
    ),
  );

const conditional = input({ ConditionExpression: sometimes(condition, 30) });
const updating = input({
  UpdateExpression: fc.oneof({ weight: 9, arbitrary: update }, { weight: 1, arbitrary: fc.constant(undefined) }),
  ConditionExpression: sometimes(condition, 10),
});
const expressions = (parts: Arbitrary<Input>): Arbitrary<Input> =>
  fc
    .tuple(
      parts,
      sometimes(fc.constantFrom({ '#unused': 'a' }, {}), 1),
      sometimes(fc.constantFrom({ ':unused': { N: '1' } }, {}), 1),
    )
    .map(([pieces, names, values]) => {
      const {
        ExpressionAttributeNames: known,
        ExpressionAttributeValues: given,
        ...texts
      } = rendered(pieces as Parameters<typeof rendered>[0]) as Record<string, object>;
      return {
        ...texts,
        ...((known !== undefined || names !== undefined) && { ExpressionAttributeNames: { ...known, ...names } }),
        ...((given !== undefined || values !== undefined) && { ExpressionAttributeValues: { ...given, ...values } }),
      };
    });
const onFailure = input({ ReturnValuesOnConditionCheckFailure: sometimes(fc.constantFrom('ALL_OLD', 'NONE')) });
const returned = (...values: readonly string[]): Arbitrary<Input> =>
  input({ ReturnValues: sometimes(fc.constantFrom(...values), 20) });

const put = merged(onTable('Item'), expressions(conditional), onFailure);
const deletion = merged(onTable('Key'), expressions(conditional), onFailure);
const updated = merged(onTable('Key'), expressions(updating), onFailure);
const check = merged(
  onTable('Key'),
  expressions(input({ ConditionExpression: mostly(condition, fc.constant(undefined)) })),
  onFailure,
);
const read = merged(onTable('Key'), expressions(input({ ProjectionExpression: sometimes(projection, 30) })));

const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ Put: put }) },
  { weight: 6, arbitrary: fc.record({ Update: updated }) },
  { weight: 5, arbitrary: fc.record({ Delete: deletion }) },
  { weight: 4, arbitrary: fc.record({ ConditionCheck: check }) },
  { weight: 1, arbitrary: fc.record({ Put: put, Delete: deletion, Other: put }, { requiredKeys: [] }) },
);
const batched = fc.oneof(
  { weight: 6, arbitrary: fc.record({ PutRequest: fc.record({ Item: itemWith(singleKey) }) }) },
  { weight: 6, arbitrary: fc.record({ DeleteRequest: fc.record({ Key: mostly(singleKey, wrongKey) }) }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      {},
      { PutRequest: {} },
      { PutRequest: { Item: { id: { S: 'k' } } }, DeleteRequest: { Key: { id: { S: 'k' } } } },
    ),
  },
);
const selected = input({
  Select: sometimes(fc.constantFrom('COUNT', 'ALL_ATTRIBUTES', 'SPECIFIC_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES'), 5),
});
const found = { FilterExpression: sometimes(condition, 20), ProjectionExpression: sometimes(projection, 10) };

const requestOf = (operation: string, arbitrary: Arbitrary<Input>, weight: number) => ({
  weight,
  arbitrary: arbitrary.map((each): FuzzRequest => ({ operation, input: each })),
});

const request = fc.oneof(
  requestOf('PutItem', merged(put, returned('ALL_OLD', 'NONE', 'ALL_NEW')), 6),
  requestOf('UpdateItem', merged(updated, returned('ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW', 'NONE')), 8),
  requestOf('DeleteItem', merged(deletion, returned('ALL_OLD', 'NONE', 'UPDATED_OLD')), 3),
  requestOf('GetItem', read, 3),
  requestOf('PutItem', merged(fc.constant({ TableName: 'pairs' }), input({ Item: itemWith(pairKey) })), 4),
  requestOf(
    'Query',
    merged(
      fc.constant({ TableName: 'pairs' }),
      expressions(input({ KeyConditionExpression: keyCondition, ...found })),
      input({
        Limit: sometimes(fc.constantFrom(1, 2, 3, 0, -1), 20),
        ScanIndexForward: sometimes(fc.boolean()),
        ExclusiveStartKey: sometimes(mostly(pairKey, wrongKey), 10),
      }),
      selected,
    ),
    6,
  ),
  requestOf(
    'Scan',
    merged(input({ TableName: fc.constantFrom('singles', 'pairs') }), expressions(input(found)), selected),
    3,
  ),
  requestOf(
    'TransactWriteItems',
    input({
      TransactItems: mostly(
        fc.array(action, { minLength: 1, maxLength: 3 }),
        fc.constantFrom<unknown>([], [{}], undefined),
      ),
      ClientRequestToken: sometimes(fc.constantFrom('token', 'other'), 10),
    }),
    5,
  ),
  requestOf(
    'TransactGetItems',
    input({
      TransactItems: mostly(
        fc.array(fc.record({ Get: read }), { minLength: 1, maxLength: 3 }),
        fc.constantFrom<unknown>([], [{}]),
      ),
    }),
    2,
  ),
  requestOf(
    'BatchWriteItem',
    input({
      RequestItems: mostly(fc.record({ singles: fc.array(batched, { maxLength: 4 }) }), fc.constantFrom({}, undefined)),
    }),
    2,
  ),
  requestOf(
    'BatchGetItem',
    input({
      RequestItems: fc
        .tuple(
          fc.array(mostly(pairKey, wrongKey), { maxLength: 3 }),
          expressions(input({ ProjectionExpression: sometimes(projection) })),
        )
        .map(([Keys, more]) => ({ pairs: { Keys, ...more } })),
    }),
    2,
  ),
);

/** Consecutive requests on empty tables. */
export const requests: Arbitrary<FuzzRequest[]> = fc.array(request, { minLength: 1, maxLength: 10, size: 'max' });
