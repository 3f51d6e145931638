import { SortedList } from '../../../../lib/testing/dynamodb/sorted-list';
import { Random } from '../../../../lib/testing/random';

interface Element {
  readonly key: number;
  readonly value: string;
}

const byNumber = (a: number, b: number): number => a - b;
const emptyList = () => new SortedList<number, Element>(({ key }) => key, byNumber);

/** A list next to a map with the same elements. */
function filled(count: number, nextKey: (at: number) => number, deletes: number, random: Random) {
  const list = emptyList();
  const expected = new Map<number, Element>();
  for (let at = 0; at < count; at++) {
    const element = { key: nextKey(at), value: `value ${at}` };
    list.set(element);
    expected.set(element.key, element);
    if (!random.chance(deletes)) continue;
    const key = random.integer(count);
    list.delete(key);
    expected.delete(key);
  }
  return { list, sorted: [...expected.values()].toSorted((a, b) => a.key - b.key) };
}

// More than a few chunks of 512 elements.
const COUNT = 4_000;
const random = new Random(11);
const CASES = {
  'in order': () => filled(COUNT, (at) => at, 0, random),
  backwards: () => filled(COUNT, (at) => COUNT - at, 0, random),
  'in random order, with repeated keys': () => filled(COUNT, () => random.integer(COUNT), 0, random),
  'in random order, with deletes': () => filled(COUNT, () => random.integer(COUNT), 0.6, random),
};

describe.each(Object.entries(CASES))('elements that arrive %s', (_, arrive) => {
  const { list, sorted } = arrive();

  it('are found by their keys, the last one with each key', () => {
    const byKey = new Map(sorted.map((element) => [element.key, element]));
    for (let key = -1; key <= COUNT + 1; key++) expect(list.get(key)).toEqual(byKey.get(key));
  });

  it('come in order from every key on, in both directions', () => {
    expect([...list.ascending()]).toEqual(sorted);
    expect([...list.descending()]).toEqual(sorted.toReversed());
    for (let from = -1; from <= COUNT + 1; from += 97) {
      expect([...list.ascending(from)]).toEqual(sorted.filter(({ key }) => key >= from));
      expect([...list.descending(from)]).toEqual(sorted.filter(({ key }) => key <= from).toReversed());
    }
  });
});

it('is empty before the first and after the last element', () => {
  const list = emptyList();
  expect(list.isEmpty).toBe(true);
  expect([...list.ascending(1), ...list.descending(1), ...list.descending()]).toEqual([]);
  for (let key = 0; key < 1_200; key++) list.set({ key, value: '' });
  for (let key = 1_199; key >= 0; key--) {
    expect(list.isEmpty).toBe(false);
    list.delete(key);
  }
  expect(list.isEmpty).toBe(true);
  list.delete(1);
  list.set({ key: 5, value: 'again' });
  expect(list.get(5)?.value).toBe('again');
});
