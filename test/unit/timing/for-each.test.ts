import { forEachOf } from '../../../lib/timing/for-each';

it('runs at most so many at once, and all of them', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachOf([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

it('rejects after the other runs have ended', async () => {
  const done: number[] = [];
  const work = async (item: number): Promise<void> => {
    if (item === 1) throw new Error('refused');
    await new Promise((resolve) => setImmediate(resolve));
    done.push(item);
  };
  await expect(forEachOf([1, 2, 3], 2, work)).rejects.toThrow('refused');
  expect(done).toEqual([2, 3]);
});
