import { parseFilter, passesFilters } from '../../../../local/event-source-mapping/filter';

const insert = {
  eventName: 'INSERT',
  dynamodb: {
    Keys: { pk: { S: 'order#42' } },
    NewImage: { pk: { S: 'order#42' }, tags: { SS: ['red', 'blue'] }, gone: { NULL: true }, n: { N: '7' } },
  },
};
const passes = (pattern: unknown): boolean => passesFilters(insert, [parseFilter(JSON.stringify(pattern))]);
const onKey = (rule: unknown): unknown => ({ dynamodb: { Keys: { pk: { S: [rule] } } } });

describe('passesFilters', () => {
  it('lets everything pass when there is no filter', () => {
    expect(passesFilters(insert, [])).toBe(true);
  });

  it('needs one of several filters to match', () => {
    const filters = ['REMOVE', 'INSERT'].map((name) => parseFilter(JSON.stringify({ eventName: [name] })));
    expect(passesFilters(insert, filters)).toBe(true);
    expect(passesFilters({ eventName: 'MODIFY' }, filters)).toBe(false);
  });

  it('needs every name of one filter to match', () => {
    expect(passes({ eventName: ['INSERT'], dynamodb: { NewImage: { n: { N: ['7'] } } } })).toBe(true);
    expect(passes({ eventName: ['INSERT'], dynamodb: { NewImage: { n: { N: ['8'] } } } })).toBe(false);
  });

  it.each([
    ['order#42', true],
    ['order#4', false],
    [{ prefix: 'order#' }, true],
    [{ prefix: 'rder' }, false],
    [{ suffix: '42' }, true],
    [{ suffix: '4' }, false],
    [{ 'equals-ignore-case': 'ORDER#42' }, true],
    [{ 'equals-ignore-case': 'ORDER#4' }, false],
    [{ exists: true }, true],
    [{ exists: false }, false],
    [{ 'anything-but': 'order#42' }, false],
    [{ 'anything-but': ['order#1', 'order#2'] }, true],
    [{ 'anything-but': { prefix: '$outbox#' } }, true],
    [{ 'anything-but': { prefix: 'order' } }, false],
  ])('answers a key with the rule %j: %s', (rule, expected) => {
    expect(passes(onKey(rule))).toBe(expected);
  });

  it('knows absent names', () => {
    expect(passes({ dynamodb: { OldImage: { pk: { S: [{ exists: false }] } } } })).toBe(true);
    expect(passes({ dynamodb: { OldImage: { pk: { S: [{ exists: true }] } } } })).toBe(false);
    expect(passes({ dynamodb: { OldImage: { pk: { S: [{ 'anything-but': 'x' }] } } } })).toBe(false);
  });

  it('matches a set by any of its elements', () => {
    expect(passes({ dynamodb: { NewImage: { tags: { SS: ['blue'] } } } })).toBe(true);
    expect(passes({ dynamodb: { NewImage: { tags: { SS: ['green'] } } } })).toBe(false);
  });

  it('compares values with their type', () => {
    expect(passes({ dynamodb: { NewImage: { gone: { NULL: [true] } } } })).toBe(true);
    expect(passes({ dynamodb: { NewImage: { n: { N: [7] } } } })).toBe(false);
  });
});

describe('parseFilter', () => {
  it.each([
    ['{', 'is not JSON'],
    ['[]', 'must be an object'],
    ['{"eventName":"INSERT"}', '"eventName" must be an object or a list'],
    ['{"eventName":[]}', 'the list of "eventName" is empty'],
    ['{"n":[{"numeric":["=",1]}]}', 'numbers as text'],
    ['{"n":[{"wildcard":"a*"}]}', '"wildcard" is not supported'],
    ['{"$or":[{"a":["b"]}]}', '"$or" is not supported'],
    ['{"n":[{"prefix":1}]}', '"prefix" needs a text'],
    ['{"n":[{"exists":"yes"}]}', '"exists" needs true or false'],
    ['{"n":[{"prefix":"a","suffix":"b"}]}', 'one operator'],
    ['{"n":[{"anything-but":{"exists":true}}]}', '"anything-but" needs'],
    [`{"n":["${'x'.repeat(4_096)}"]}`, '4096 are allowed'],
  ])('refuses %.60s', (text, message) => {
    expect(() => parseFilter(text)).toThrow(expect.objectContaining({ code: 'unsupported-filter' }));
    expect(() => parseFilter(text)).toThrow(message);
  });
});
