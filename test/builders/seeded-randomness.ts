import crypto from 'node:crypto';
import { Random } from '../../lib/testing/random';

/**
 * Does `work` while `Math.random` and the random bytes of `node:crypto` depend on the seed: the jitter of waits and the
 * ids of signals are part of a history, too, and must be the same when it is played again.
 */
export async function withSeededRandomness<T>(seed: number, work: () => Promise<T>): Promise<T> {
  const random = new Random(seed);
  const { random: ofMath } = Math;
  const { randomBytes } = crypto;
  Math.random = () => random.next();
  const seeded = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => random.integer(256)));
  Object.assign(crypto, { randomBytes: seeded });
  try {
    return await work();
  } finally {
    Math.random = ofMath;
    Object.assign(crypto, { randomBytes });
  }
}
