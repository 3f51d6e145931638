/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

const REMAINDERS = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ ((rest & 1) * POLYNOMIAL);
  return rest;
});

/** The CRC-32C of Kafka's record batches (RFC 3720, appendix B.4), as an unsigned integer. */
export function crc32c(data: Uint8Array): number {
  let crc = ~0;
  let at = 0;
  // An iterator would take eight times as long.
  while (at < data.length) crc = (crc >>> 8) ^ (REMAINDERS[(crc ^ (data[at++] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}
