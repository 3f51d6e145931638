import { gzipSync } from 'node:zlib';
import { parseAnswer } from '../../../../bin/cli/conformance/answer';
import { Judge } from '../../../../bin/cli/conformance/judge';
import { expand, type DynamoDbJson, type Vector } from '../../../../bin/cli/conformance/vectors';
import { vectors as stored } from '../../../../conformance/vectors.json';

const vectors = stored.map((vector) => expand(vector) as Vector);
const vectorOf = (name: string): Vector => vectors.find((vector) => vector.name === name)!;
const judged = (name: string, answer: unknown, judge = new Judge()) =>
  judge.judge(vectorOf(name), parseAnswer(typeof answer === 'string' ? answer : JSON.stringify(answer)));

/** The item of a vector with other attributes; `undefined` removes one. */
const changed = (name: string, attributes: Record<string, unknown>): unknown => ({
  ...vectorOf(name).item,
  ...attributes,
});
const withEvent = (name: string, attributes: Record<string, unknown>): unknown => {
  const [first, ...others] = vectorOf(name).item?.['events']?.L ?? [];
  return changed(name, { events: { L: [{ M: { ...first?.M, ...attributes } }, ...others] } });
};

const nested = (open: string, close: string): string => `{"pk":${open.repeat(50_000)}1${close.repeat(50_000)}}`;

const OTHER_ID = '019b7ca9-8f2e-7000-8000-000000000001';

test.each(
  vectors.filter(({ item, optional }) => item !== undefined && optional !== 'compress').map(({ name }) => name),
)('the item of "%s" is accepted, exactly', (name) => {
  expect(judged(name, vectorOf(name).item)).toEqual({ name, verdict: 'passed', problems: [], exact: true });
});

test('an item may state defaults, and have attributes of its own', () => {
  const stated = withEvent('with-version', {
    contentType: { S: 'application/json' },
    time: { S: '2026-01-02T03:04:05.678Z' },
    headers: { M: {} },
  });
  expect(judged('with-version', { ...(stated as object), tenant: { S: 'a' } })).toMatchObject({
    verdict: 'passed',
    exact: false,
  });
});

test('text may be stored as its bytes, or compressed', () => {
  const data = Buffer.from('{"total":5}');
  for (const value of [{ B: data.toString('base64') }, { M: { gzip: { B: gzipSync(data).toString('base64') } } }]) {
    expect(judged('with-version', withEvent('with-version', { data: value }))).toMatchObject({
      verdict: 'passed',
      exact: false,
    });
  }
});

test.each<[string, string, unknown, string]>([
  ['no JSON', 'with-version', 'hello', 'the line is no JSON object: "hello"'],
  ['a list', 'with-version', '[]', 'the line is no JSON object: "[]"'],
  [
    'plain JSON instead of DynamoDB JSON',
    'with-version',
    { pk: 'order#42' },
    'pk is "\\"order#42\\""; it must be one type of DynamoDB JSON, such as {"S":"text"}',
  ],
  [
    'a name of Object.prototype',
    'with-version',
    { pk: { constructor: 'a' } },
    'pk is "{\\"constructor\\":\\"a\\"}"; it',
  ],
  ['the name of a prototype', 'with-version', '{"pk":{"__proto__":"a"}}', 'it must be one type of DynamoDB JSON'],
  ['endless nesting of maps', 'with-version', nested('{"M":{"a":', '}}'), 'deeper than the 32 levels of DynamoDB'],
  ['endless nesting of lists', 'with-version', nested('[', ']'), 'it must be one type of DynamoDB JSON'],
  [
    'composed characters',
    'key-with-unicode',
    changed('key-with-unicode', { pk: { S: vectorOf('key-with-unicode').item!['pk']!.S!.normalize('NFC') } }),
    'without a change of its Unicode normalization',
  ],
  [
    'composed characters in data',
    'json-data-with-unicode',
    withEvent('json-data-with-unicode', {
      data: { S: vectorOf('json-data-with-unicode').item!['events']!.L![0]!.M!['data']!.S!.normalize('NFD') },
    }),
    'it must be "{\\"name\\":\\"Größe',
  ],
  [
    'text in Latin-1',
    'json-data-with-unicode',
    withEvent('json-data-with-unicode', { data: { B: Buffer.from('Größe', 'latin1').toString('base64') } }),
    'events[0].data is the bytes "R3L232U="',
  ],
  ['two types', 'with-version', { pk: { S: 'a', N: '1' } }, 'it must be one type of DynamoDB JSON'],
  ['a number that is no text', 'with-version', { committedAt: { N: 5 } }, 'committedAt.N is 5; it must be a text with'],
  [
    'no base64',
    'binary-data',
    withEvent('binary-data', { data: { B: 'é' } }),
    'events[0].data.B is "é"; it must be a text in base64',
  ],
  [
    'a missing attribute',
    'with-version',
    changed('with-version', { source: undefined }),
    "item.schema.json: the item must have required property 'source'",
  ],
  [
    'an attribute of the relay',
    'with-version',
    changed('with-version', { expiresAt: { N: '5' } }),
    'item.schema.json: expiresAt must NOT be valid',
  ],
  [
    'another id than that of the first event',
    'with-version',
    changed('with-version', { id: { S: 'b' } }),
    '"id" is "b"; it must be the id of the first event',
  ],
  [
    'another version',
    'with-version',
    changed('with-version', { sk: { S: '0000000000000008' } }),
    'sk is "0000000000000008"; it must be "0000000000000007"',
  ],
  [
    'other data',
    'with-version',
    withEvent('with-version', { data: { S: '{"total": 5}' } }),
    'events[0].data is "{\\"total\\": 5}"; it must be "{\\"total\\":5}"',
  ],
  ['no data', 'with-version', withEvent('with-version', { data: undefined }), 'events[0].data is missing; it must be'],
  [
    'empty instead of no data',
    'no-data',
    withEvent('no-data', { data: { S: '' } }),
    'events[0].data is ""; it must be missing',
  ],
  [
    'another content type',
    'text-data',
    withEvent('text-data', { contentType: undefined }),
    'events[0].contentType is "application/json"; it must be "text/plain"',
  ],
  [
    'a lost header',
    'headers',
    withEvent('headers', { headers: { M: { tenant: { S: 'a' } } } }),
    'events[0].headers.x-empty is missing; it must be ""',
  ],
  [
    'a lost event',
    'several-events',
    changed('several-events', { events: { L: [{ M: vectorOf('several-events').item!['events']!.L![0]!.M! }] } }),
    'events is a list of 1; it must be a list of 4',
  ],
  [
    'a lost trace',
    'trace-context',
    changed('trace-context', { tracestate: undefined }),
    'tracestate is missing; it must be "a=1,b@c=2"',
  ],
  [
    'a version for a change without one',
    'without-version',
    changed('without-version', { sk: { S: '0000000000000001' } }),
    'sk is "0000000000000001"; it must be a UUIDv7',
  ],
  ['an id of another derivation', 'request-id', withEvent('request-id', { id: { S: OTHER_ID } }), '"id" is'],
  ['no compression', 'compressed-json', vectorOf('compressed-json').item, 'no data of the item is compressed'],
  ['a refusal', 'with-version', { refused: 'no' }, 'the change is valid, and the writer refuses it: "no"'],
  [
    'an item of an invalid change',
    'key-empty',
    vectorOf('with-version').item,
    'the writer makes an item of an invalid change; the rule is: a key is not empty',
  ],
  [
    'a feature that is not optional',
    'headers',
    { unsupported: 'headers' },
    'does not support it ("headers"), and it is not optional',
  ],
  ['a lacking feature instead of a refusal', 'key-empty', { unsupported: 'keys' }, 'and it is not optional'],
])('%s is a failure', (_, name, answer, problem) => {
  const result = judged(name, answer);
  expect(result).toMatchObject({ name, verdict: 'failed' });
  expect(result.problems.join('\n')).toContain(problem);
});

test('generated ids may be any, and none twice', () => {
  const judge = new Judge();
  const name = 'generated-ids-without-version';
  const itemOf = (ids: readonly string[]): DynamoDbJson => ({
    ...vectorOf(name).item,
    sk: { S: OTHER_ID },
    id: { S: ids[0]! },
    events: {
      L: vectorOf(name).item!['events']!.L!.map((event, index) => ({ M: { ...event.M, id: { S: ids[index]! } } })),
    },
  });
  expect(judged(name, itemOf([OTHER_ID, 'b']), judge)).toMatchObject({ verdict: 'passed', exact: true });
  expect(judged(name, itemOf(['c', 'b']), judge).problems).toEqual([
    `the writer has generated "${OTHER_ID}" before; generated ids must be unique`,
    'the writer has generated "b" before; generated ids must be unique',
  ]);
});

test.each([
  ['in seconds', 1_767_323_045, false],
  ['of no clock', 0, false],
  ['in microseconds', 1_767_323_045_678_000 % 2 ** 48, false],
  ['of committedAt', 1_767_323_045_678, true],
  ['of the clock', Date.now(), true],
])('a generated UUIDv7 with a time %s: accepted is %p', (_, time, isAccepted) => {
  const hex = time.toString(16).padStart(12, '0');
  const id = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000001`;
  const result = judged('without-version', changed('without-version', { sk: { S: id } }));
  expect(result.verdict).toBe(isAccepted ? 'passed' : 'failed');
  if (isAccepted) return;
  expect(result.problems).toEqual([
    `the time of the generated UUIDv7 "${id}" is ${time}; it must be committedAt (1767323045678) in milliseconds, or the clock's time`,
  ]);
});

test('a writer need not have an optional feature', () => {
  for (const name of ['request-id', 'compressed-json']) {
    expect(judged(name, { unsupported: 'it' })).toEqual({ name, verdict: 'unsupported', problems: [] });
  }
});

test('every invalid change may be refused', () => {
  const invalid = vectors.filter(({ item }) => item === undefined);
  expect(invalid.length).toBeGreaterThan(40);
  for (const { name } of invalid) expect(judged(name, { refused: 'it' }).verdict).toBe('passed');
});
