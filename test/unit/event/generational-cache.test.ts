import { GenerationalCache } from '../../../lib/event/generational-cache';

const keys = (from: number, count: number): string[] => Array.from({ length: count }, (_, at) => `k${from + at}`);
const filled = (names: readonly string[], generation = 10): GenerationalCache<string> => {
  const cache = new GenerationalCache<string>(generation);
  for (const name of names) cache.set(name, name);
  return cache;
};
const kept = (cache: GenerationalCache<string>, names: readonly string[]): string[] =>
  names.filter((name) => cache.get(name) !== undefined);

it('keeps the last entries, and at most two generations', () => {
  const names = keys(0, 25);
  expect(kept(filled(names), names.slice(-10))).toHaveLength(10);
  expect(kept(filled(names), names).length).toBeLessThanOrEqual(20);
});

it('keeps what is used', () => {
  const cache = filled(keys(0, 10));
  for (const name of keys(10, 1_000)) {
    cache.set(name, name);
    expect(cache.get('k0')).toBe('k0');
  }
});

it('gives the last value, and none that was deleted, of either generation', () => {
  const cache = filled(keys(0, 11));
  cache.set('k3', 'new');
  expect(cache.get('k3')).toBe('new');
  cache.delete('k3');
  cache.delete('k10');
  expect([cache.get('k3'), cache.get('k10'), cache.get('k4')]).toEqual([undefined, undefined, 'k4']);
});
