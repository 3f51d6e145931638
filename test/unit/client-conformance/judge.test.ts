import { isSound, judge, type Place } from '../../client-conformance/judge';
import { Load } from '../../client-conformance/load';
import type { BatchOutcome } from '../../../lib/relay/ports';
import type { StoredMessage } from '../../local/publisher/read-topic';

const stored = (...places: readonly (readonly [value: number, partition: number, offset: number])[]): StoredMessage[] =>
  places.map(([value, partition, offset]) => {
    return { value: Buffer.from(String(value)), partition, offset: String(offset) } as unknown as StoredMessage;
  });
const acknowledged = (...places: readonly (readonly [value: number, partition: number, offset?: number])[]) =>
  new Map(
    places.map(([value, partition, offset]): [string, Place] => {
      return [String(value), { partition, offset: offset === undefined ? undefined : BigInt(offset) }];
    }),
  );

it('finds nothing where all is as acknowledged; copies and messages without an acknowledgement are no fault, wherever they are', () => {
  const verdict = judge(
    acknowledged([1, 0, 5], [2, 0, 6], [3, 1]),
    stored([1, 0, 5], [2, 0, 6], [1, 0, 7], [0, 0, 8], [3, 1, 0], [9, 1, 1], [4, 1, 2]),
  );
  expect(verdict).toEqual({ acknowledged: 3, lost: [], misplaced: [], reordered: [], duplicates: 1 });
  expect(isSound(verdict)).toBe(true);
});

it.each([
  ['lost', acknowledged([1, 0, 0], [2, 0, 1]), stored([1, 0, 0]), { lost: ['2'] }],
  ['misplaced', acknowledged([1, 0, 3]), stored([7, 0, 3], [8, 0, 4]), { lost: ['1'], misplaced: ['1'] }],
  ['misplaced', acknowledged([1, 0, 4]), stored([1, 0, 3], [7, 0, 4]), { misplaced: ['1'] }],
  ['reordered', acknowledged([1, 0], [2, 0]), stored([2, 0, 0], [1, 0, 1], [2, 0, 2]), { reordered: ['1'] }],
] as const)('finds a value that is %s', (_, given, found, expected) => {
  const verdict = judge(given, found);
  expect(verdict).toMatchObject(expected);
  expect(isSound(verdict)).toBe(false);
});

describe('the load', () => {
  const load = (publish: (values: readonly string[]) => BatchOutcome, partitions = 1) => {
    const sent: string[][] = [];
    const client = {
      publish: (batches: readonly { readonly messages: readonly { readonly value: Buffer | null }[] }[]) => {
        const values = batches.map(({ messages }) => messages.map(({ value }) => String(value)));
        sent.push(...values);
        return Promise.resolve(values.map(publish));
      },
      close: () => Promise.resolve(),
    };
    return { sent, load: new Load(client, { topic: 't', partitions, messagesPerPartition: 2 }) };
  };

  it('sends what was not acknowledged again, before anything later', async () => {
    const outcomes: BatchOutcome[] = [
      { kind: 'outage', message: 'away' },
      { kind: 'acked', baseOffset: 4n },
      { kind: 'acked', baseOffset: 9n },
    ];
    const { sent, load: running } = load(() => outcomes.shift() ?? { kind: 'outage', message: 'over' });
    for (let round = 0; round < 3; round++) await running.round();

    expect(sent).toEqual([
      ['0', '1'],
      ['0', '1'],
      ['2', '3'],
    ]);
    expect([...running.acknowledged].map(([value, { offset }]) => [value, offset])).toEqual([
      ['0', 4n],
      ['1', 5n],
      ['2', 9n],
      ['3', 10n],
    ]);
    expect(running.outages).toBe(1);
  });

  it('sends new numbers to every second partition after a failure', async () => {
    let failures = 2;
    const { sent, load: running } = load(
      () => (failures-- > 0 ? { kind: 'outage', message: 'away' } : { kind: 'acked', baseOffset: 0n }),
      2,
    );
    await running.round();
    await running.round();

    expect(sent).toEqual([
      ['0', '1'],
      ['2', '3'],
      ['0', '1'],
      ['4', '5'],
    ]);
    expect([...running.acknowledged.keys()]).toEqual(['0', '1', '4', '5']);
  });

  it('ends when each partition is acknowledged again, or when it is given up', async () => {
    const stopped = AbortSignal.abort();
    let failures = 2;
    const { sent, load: running } = load(() =>
      failures-- > 0 ? { kind: 'outage', message: 'away' } : { kind: 'acked', baseOffset: 0n },
    );
    await running.round();
    await running.until(stopped, stopped);
    expect(sent).toHaveLength(1);
    expect(running.failing).toEqual([0]);
    await running.until(stopped);
    expect(sent).toHaveLength(3);
    expect(running.failing).toEqual([]);
  });
});
