const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const POSITIVE = 0x7fffffff;

/** The 32-bit murmur2 of Kafka's Java client, as a signed integer. */
export function murmur2(data: Buffer): number {
  const { length } = data;
  const tail = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  if (length > tail) hash = Math.imul(hash ^ data.readUIntLE(tail, length - tail), MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/**
 * The partition of a key among `partitions`. Java producers and Kafka Streams choose the same one, so their topics can
 * be joined with ours.
 */
export const partitionOf = (key: Buffer, partitions: number): number => (murmur2(key) & POSITIVE) % partitions;
