import { Lz77Output } from './lz77-output';

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const FLAG = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionaryId: 0x01 } as const;
const CHECKSUM_BYTES = 4;
/** Indexed by the number in the frame's block descriptor; smaller numbers are reserved. */
const MAX_BLOCK_BYTES: readonly (number | undefined)[] = [
  ...[undefined, undefined, undefined, undefined],
  ...[16, 18, 20, 22].map((bits) => 2 ** bits),
];
/** The highest bit of a block's size marks an uncompressed block. */
const STORED = 0x8000_0000;

/**
 * Decompresses one or more LZ4 frames of a Kafka record batch, with independent or linked blocks. It skips checksums,
 * because brokers check the CRC of the whole batch.
 *
 * @throws RangeError for corrupt data.
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function decompressLz4(input: Buffer): Buffer {
  const output = new Lz77Output(4 * input.length);
  let frames = 0;
  let at = 0;
  while (at < input.length) {
    const magic = input.readUInt32LE(at);
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) at += 8 + input.readUInt32LE(at + 4);
    else if (magic === FRAME_MAGIC) {
      at = frame(input, at, output);
      frames++;
    } else throw new RangeError('the data do not begin as a frame of LZ4');
  }
  if (at > input.length) throw new RangeError('the compressed data end too early');
  // Brokers do not compress a batch without records, so input without a frame is corrupt.
  if (frames === 0) throw new RangeError('the data have no frame of LZ4');
  return output.take();
}

/** Returns the offset after the frame. */
function frame(input: Buffer, start: number, output: Lz77Output): number {
  const flags = input.readUInt8(start + 4);
  const has = (flag: number): boolean => (flags & flag) !== 0;
  if (flags >> 6 !== 1) throw new RangeError(`the version ${flags >> 6} of the frame is unknown`);
  if (has(FLAG.dictionaryId)) throw new RangeError('the frame needs a dictionary');
  const maxBlockBytes = MAX_BLOCK_BYTES[(input.readUInt8(start + 5) >> 4) & 7];
  if (maxBlockBytes === undefined) throw new RangeError('the frame gives no size of its blocks');
  // Magic, flags, block descriptor; then the size of the content, and a checksum of the header.
  let at = start + 6 + (has(FLAG.contentSize) ? 8 : 0) + 1;
  for (;;) {
    const word = input.readUInt32LE(at);
    at += 4;
    if (word === 0) return at + (has(FLAG.contentChecksum) ? CHECKSUM_BYTES : 0);
    const size = word & ~STORED;
    const before = output.length;
    if (word >= STORED) output.literal(input, at, size);
    else block(input, at, at + size, output);
    if (output.length - before > maxBlockBytes) {
      throw new RangeError(`a block has ${output.length - before} bytes, and its frame allows ${maxBlockBytes}`);
    }
    at += size + (has(FLAG.blockChecksum) ? CHECKSUM_BYTES : 0);
  }
}

function block(input: Buffer, start: number, end: number, output: Lz77Output): void {
  let at = start;
  const length = (nibble: number): number => {
    let total = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255;) {
      more = input.readUInt8(at++);
      total += more;
    }
    return total;
  };
  while (at < end) {
    const token = input.readUInt8(at++);
    const literals = length(token >> 4);
    output.literal(input, at, literals);
    at += literals;
    // The last sequence of a block has no match.
    if (at >= end) break;
    const distance = input.readUInt16LE(at);
    at += 2;
    output.repeat(distance, length(token & 15) + 4);
  }
  if (at !== end) throw new RangeError('a block of LZ4 ends in the middle of a sequence');
}
