import { setFlagsFromString } from 'node:v8';

/** With less memory the limits of the function are too near. */
const MIN_MEMORY_MB = 512;
/** Four times the live objects: what V8 itself allows a heap of some GB. */
const GROWING_PERCENT = 300;

/**
 * Lets V8 collect the old generation less often. V8 takes the limit of the heap for a sign of a small device: with
 * 576 MB it collects everything when the old generation has grown by 40 %, which is once for each batch of 1,000 records
 * and a quarter of the relay's CPU. As before, V8 never lets the old generation grow by more than half of what is left to
 * its limit.
 *
 * The flag may change while V8 runs: it is read after each collection, when the next limit is computed.
 *
 * @param memoryMb - of the function; nothing changes below 512
 */
export function growHeap(memoryMb: number, setFlags: (flags: string) => void = setFlagsFromString): void {
  if (memoryMb >= MIN_MEMORY_MB) setFlags(`--heap-growing-percent=${GROWING_PERCENT}`);
}
