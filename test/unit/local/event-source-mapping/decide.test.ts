import {
  backOffMs,
  decide,
  type Batch,
  type Deliverable,
  type Outcome,
} from '../../../../local/event-source-mapping/decide';

const NOW = 1_000_000_000;
const record = (sequenceNumber: string, ageSeconds = 0): Deliverable => ({
  sequenceNumber,
  createdAtMs: NOW - ageSeconds * 1000,
});
const batch = (names: string, retries = 0): Batch<Deliverable> => ({
  records: Array.from(names, (name) => record(name)),
  retries,
});
const answered = (response: unknown): Outcome => ({ kind: 'answered', response });
const failing = (...identifiers: unknown[]): Outcome =>
  answered({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) });
const thrown: Outcome = { kind: 'error', message: 'boom' };

const RULES = {
  bisectBatchOnFunctionError: false,
  maximumRetryAttempts: -1,
  maximumRecordAgeSeconds: -1,
  reportBatchItemFailures: true,
};

/** Sequence numbers as one text: `done | dropped | again, again (retries)`. */
const told = (given: Batch<Deliverable>, outcome: Outcome, rules: Partial<typeof RULES> = {}): string => {
  const text = (records: readonly Deliverable[]): string =>
    records.map(({ sequenceNumber }) => sequenceNumber).join('');
  const { kind, done, dropped, again } = decide(given, outcome, { ...RULES, ...rules }, NOW);
  return `${kind}: ${text(done)} | ${text(dropped)} | ${again.map(({ records, retries }) => `${text(records)}(${retries})`).join(' ')}`;
};

describe('decide', () => {
  it.each([
    ['an empty list', { batchItemFailures: [] }],
    ['a null list', { batchItemFailures: null }],
    ['an empty answer', {}],
    ['null', null],
  ])('takes %s for success of the whole batch', (_, response) => {
    expect(told(batch('abcd'), answered(response))).toBe('success: abcd |  | ');
  });

  it('takes the lowest failed sequence number for the checkpoint and delivers everything from it again', () => {
    expect(told(batch('abcd'), failing('d', 'b'))).toBe('partial: a |  | bcd(1)');
  });

  it.each([
    ['null', [null]],
    ['an empty text', ['']],
    ['a missing one', [undefined]],
    ['one that is not in the batch', ['z']],
    ['one that is not in the batch beside a good one', ['c', 'z']],
  ])('fails the whole batch for the identifier %s', (_, identifiers) => {
    expect(told(batch('abcd'), failing(...identifiers))).toBe('retry:  |  | abcd(1)');
  });

  it.each(['no', 1, { batchItemFailures: 'b' }])('fails the whole batch for the answer %j', (response) => {
    expect(told(batch('ab'), answered(response))).toBe('retry:  |  | ab(1)');
  });

  it('does not look at the answer when the mapping does not report batch item failures', () => {
    expect(told(batch('ab'), failing('a'), { reportBatchItemFailures: false })).toBe('success: ab |  | ');
  });

  it('retries the whole batch after an error', () => {
    expect(told(batch('abc', 4), thrown)).toBe('retry:  |  | abc(5)');
  });

  it('bisects after an error without consuming a retry', () => {
    expect(told(batch('abc', 2), thrown, { bisectBatchOnFunctionError: true })).toBe('bisect:  |  | ab(2) c(2)');
  });

  it('consumes a retry when one record alone fails, because nothing is left to bisect', () => {
    expect(told(batch('a', 2), thrown, { bisectBatchOnFunctionError: true })).toBe('retry:  |  | a(3)');
  });

  it('bisects at the returned sequence number without consuming a retry, and retries only the rest', () => {
    expect(told(batch('abcd', 2), failing('c'), { bisectBatchOnFunctionError: true })).toBe('partial: ab |  | cd(2)');
  });

  it('consumes a retry when the returned sequence number is the first', () => {
    expect(told(batch('ab', 2), failing('a'), { bisectBatchOnFunctionError: true })).toBe('partial:  |  | ab(3)');
  });

  it('drops what failed once more than there are retries', () => {
    expect(told(batch('abc', 1), failing('b'), { maximumRetryAttempts: 2 })).toBe('partial: a |  | bc(2)');
    expect(told(batch('abc', 2), failing('b'), { maximumRetryAttempts: 2 })).toBe('drop: a | bc | ');
  });

  it('drops at the first failure when no retry is allowed', () => {
    expect(told(batch('ab'), thrown, { maximumRetryAttempts: 0 })).toBe('drop:  | ab | ');
  });

  it('drops what is older than the maximum age after a failure and retries the rest', () => {
    const aged = { records: [record('a', 61), record('b', 60), record('c', 1)], retries: 0 };
    expect(told(aged, thrown, { maximumRecordAgeSeconds: 60 })).toBe('retry:  | a | bc(1)');
  });
});

describe('backOffMs', () => {
  it('grows with the failures in a row and stays within a second', () => {
    expect([1, 2, 3, 6, 1_000].map(backOffMs)).toEqual([50, 100, 200, 1_000, 1_000]);
  });
});
