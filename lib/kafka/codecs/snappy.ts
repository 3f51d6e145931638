import { Lz77Output, MAX_DECOMPRESSED_BYTES } from './lz77-output';

/** The Java client and the brokers write this magic, a version and a compatible version, and then blocks. */
const JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const JAVA_HEADER_BYTES = 16;
/** Three bytes expand to at most 64 bytes. The limit stops a corrupt length from allocating gigabytes. */
const MAX_RATIO = 22;

/**
 * Decompresses Snappy in both forms that Kafka's record batches hold: the blocks of snappy-java, or one raw block from
 * other clients.
 *
 * @throws RangeError for corrupt data.
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export function decompressSnappy(input: Buffer): Buffer {
  if (!input.subarray(0, JAVA_MAGIC.length).equals(JAVA_MAGIC)) return block(input, MAX_DECOMPRESSED_BYTES);
  if (input.length < JAVA_HEADER_BYTES) throw new RangeError('the compressed data end in their header');
  const blocks: Buffer[] = [];
  let room = MAX_DECOMPRESSED_BYTES;
  for (let at = JAVA_HEADER_BYTES; at < input.length;) {
    const from = at + 4;
    at = from + input.readUInt32BE(at);
    if (at > input.length) throw new RangeError('the compressed data end too early');
    const bytes = block(input.subarray(from, at), room);
    room -= bytes.length;
    blocks.push(bytes);
  }
  return Buffer.concat(blocks);
}

function block(input: Buffer, room: number): Buffer {
  let at = 0;
  const little = (bytes: number): number => {
    const value = input.readUIntLE(at, bytes);
    at += bytes;
    return value;
  };
  let expected = 0;
  for (let shift = 0, more = true; more; shift += 7) {
    if (shift > 28) throw new RangeError('the length of the data is no number of 32 bits');
    const byte = little(1);
    expected += (byte & 0x7f) * 2 ** shift;
    more = byte >= 0x80;
  }
  if (expected > MAX_RATIO * input.length) throw new RangeError(`${input.length} bytes cannot expand to ${expected}`);
  if (expected > room) throw new RangeError(`the compressed data expand to more than ${MAX_DECOMPRESSED_BYTES} bytes`);
  const output = new Lz77Output(expected);
  while (at < input.length) {
    const tag = little(1);
    const high = tag >> 2;
    switch (tag & 3) {
      case 0: {
        const count = (high < 60 ? high : little(high - 59)) + 1;
        output.literal(input, at, count);
        at += count;
        break;
      }
      case 1:
        output.repeat((high >> 3) * 256 + little(1), (high & 7) + 4);
        break;
      case 2:
        output.repeat(little(2), high + 1);
        break;
      default:
        output.repeat(little(4), high + 1);
    }
  }
  if (output.length !== expected) throw new RangeError(`${output.length} bytes came of ${expected}`);
  return output.take();
}
