import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { growHeap } from '../../../lib/relay/heap-growth';

const flagsFor = (memoryMb: number): string[] => {
  const flags: string[] = [];
  growHeap(memoryMb, (flag) => flags.push(flag));
  return flags;
};

it('lets the heap of a function with 512 MB or more grow', () => {
  expect(flagsFor(512)).toEqual(['--heap-growing-percent=300']);
  expect(flagsFor(640)).toEqual(['--heap-growing-percent=300']);
});

it.each([511, 128, Number.NaN])('leaves V8 as it is with %p MB', (memoryMb) => {
  expect(flagsFor(memoryMb)).toEqual([]);
});

it('uses a flag that the Node.js of the function has', () => {
  const node = join(dirname(require.resolve('node/package.json')), 'bin', 'node');

  const answer = execFileSync(node, [...flagsFor(640), '--print', '"runs"'], { encoding: 'utf8' });

  expect(answer).toBe('runs\n');
  expect(() => execFileSync(node, ['--heap-growing-percents=300', '--print', '1'], { stdio: 'pipe' })).toThrow(
    /bad option/,
  );
});
