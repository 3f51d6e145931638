import fc from '../../../builders/fast-check';
import { decompressLz4 } from '../../../../lib/kafka/codecs/lz4';
import { decompressSnappy } from '../../../../lib/kafka/codecs/snappy';

const TEXT = Array.from({ length: 60 }, (_, n) => `{"n":${n},"name":"order ${n % 7}"}\n`).join('');
const LONG = Array.from({ length: 5_000 }, (_, n) => `${n % 10} abcdefghijklmnopqrstuvwxyz\n`).join('');

/** Node's own RangeError belongs to another realm than Jest's. */
const ARangeError = expect.objectContaining({ name: 'RangeError' });

/** The reference implementations (liblz4, and Rust's snappy crate) compressed these texts. */
const MADE = {
  lz4Independent:
    'BCJNGGBAgrQBAADxCnsibiI6MCwibmFtZSI6Im9yZGVyIDAifQoZABsxGQAUMRkAGzIZABQyGQAbMxkAFDMZABs0GQAUNBkAGzUZABQ1GQAbNhkAFDYZABs3GQAFrwAbOBkABa8AGzkZAAWvABwx+wAFsAAcMfwABbEAHDH9AAWyABwx/gAFswAcMf8ABbQAHDEAAQW1ABwxAQEGtgAMAgEGtgAMAwEGtgAMBAEFtgAcMgQBBbYAHDIEAQW2ABwyBAEFtgAcMgQBBbYAHDIEAQW2ABwyBAEFtgAcMgQBBrYADAQBBrYADAQBBrYADAQBBbYAHDMEAQW2ABwzBAEFtgAcMwQBBbYAHDMEAQW2ABwzBAEFtgAcMwQBBbYAHDMEAQa2AAwEAQa2AAwEAQa2AAwEAQW2ABw0BAEFtgAcNAQBBbYAHDQEAQW2ABw0BAEFtgAcNAQBBbYAHDQEAQW2ABw0BAEGtgAMBAEGtgAMBAEGtgAMBAEFtgAcNQQBBbYAHDUEAQW2ABw1BAEFtgAcNQQBBbYAHDUEAQW2ABw1BAEFtgAcNQQBBrYADAQBBrYADAQBBrYACwQBUCAzIn0KAAAAAA==',
  lz4WithChecksums:
    'BCJNGHxADgYAAAAAAAD4tAEAAPEKeyJuIjowLCJuYW1lIjoib3JkZXIgMCJ9ChkAGzEZABQxGQAbMhkAFDIZABszGQAUMxkAGzQZABQ0GQAbNRkAFDUZABs2GQAUNhkAGzcZAAWvABs4GQAFrwAbORkABa8AHDH7AAWwABwx/AAFsQAcMf0ABbIAHDH+AAWzABwx/wAFtAAcMQABBbUAHDEBAQa2AAwCAQa2AAwDAQa2AAwEAQW2ABwyBAEFtgAcMgQBBbYAHDIEAQW2ABwyBAEFtgAcMgQBBbYAHDIEAQW2ABwyBAEGtgAMBAEGtgAMBAEGtgAMBAEFtgAcMwQBBbYAHDMEAQW2ABwzBAEFtgAcMwQBBbYAHDMEAQW2ABwzBAEFtgAcMwQBBrYADAQBBrYADAQBBrYADAQBBbYAHDQEAQW2ABw0BAEFtgAcNAQBBbYAHDQEAQW2ABw0BAEFtgAcNAQBBbYAHDQEAQa2AAwEAQa2AAwEAQa2AAwEAQW2ABw1BAEFtgAcNQQBBbYAHDUEAQW2ABw1BAEFtgAcNQQBBbYAHDUEAQW2ABw1BAEGtgAMBAEGtgAMBAEGtgALBAFQIDMifQqnNIXNAAAAAE841p8=',
  lz4Linked:
    'BCJNGEBAwFQBAAD/DzAgYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoKMR0ACR8yHQAJHzMdAAkfNB0ACR81HQAJHzYdAAkfNx0ACR84HQAJHzkdAAkPIgH////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////FUHN0dXZ3CgEAAA/i/v/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////oUG9wcXJzeQAAAJ90dXZ3eHl6CjAdAAkfMR0ACR8yHQAJHzMdAAkfNB0ACR81HQAJHzYdAAkfNx0ACR84HQAJHzkdAAkPIgH//////////////////////////////////////////////////////////////////////1tQd3h5egoAAAAA',
  lz4Stored: 'BCJNGGBAgigAAIAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnAAAAAA==',
  snappyRaw:
    'jgxgeyJuIjowLCJuYW1lIjoib3JkZXIgMCJ9CgUZADE6GQAAMREZADI6GQAAMhEZADM6GQAAMxEZADQ6GQAANBEZADU6GQAANREZADY6GQAANhEZADc6GQAVrwA4OhkAFa8AOToZABWvADE++wAVsAAxPvwAFbEAMT79ABWyADE+/gAVswAxPv8AFbQAMT4AARW1ADE+AQEZtj4CARm2PgMBGbY+BAEVtgAyPgQBFbYAMj4EARW2ADI+BAEVtgAyPgQBFbYAMj4EARW2ADI+BAEVtgAyPgQBGbY+BAEZtj4EARm2PgQBFbYAMz4EARW2ADM+BAEVtgAzPgQBFbYAMz4EARW2ADM+BAEVtgAzPgQBFbYAMz4EARm2PgQBGbY+BAEZtj4EARW2ADQ+BAEVtgA0PgQBFbYAND4EARW2ADQ+BAEVtgA0PgQBFbYAND4EARW2ADQ+BAEZtj4EARm2PgQBGbY+BAEVtgA1PgQBFbYANT4EARW2ADU+BAEVtgA1PgQBFbYANT4EARW2ADU+BAEVtgA1PgQBGbY+BAEZtj4EARm2PgQBDDMifQo=',
} as const;
const made = (name: keyof typeof MADE): Buffer => Buffer.from(MADE[name], 'base64');

describe('LZ4', () => {
  it.each([
    ['independent blocks, as Kafka writes them', 'lz4Independent', TEXT],
    ['checksums and a size', 'lz4WithChecksums', TEXT],
    ['blocks that refer to the ones before', 'lz4Linked', LONG],
  ] as const)('is read with %s', (_, name, text) => {
    expect(decompressLz4(made(name)).toString()).toBe(text);
  });

  it('is read where a block is stored as it is', () => {
    expect(decompressLz4(made('lz4Stored'))).toEqual(Buffer.from(Array.from({ length: 40 }, (_, n) => n)));
  });

  it('is read from several frames, and past frames for other programs', () => {
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const frames = Buffer.concat([made('lz4Independent'), skippable, made('lz4WithChecksums')]);
    expect(decompressLz4(frames).toString()).toBe(TEXT + TEXT);
  });
});

describe('Snappy', () => {
  const inBlocks = (...blocks: readonly Buffer[]): Buffer =>
    Buffer.concat([
      Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1]),
      ...blocks.flatMap((block) => {
        const size = Buffer.alloc(4);
        size.writeUInt32BE(block.length);
        return [size, block];
      }),
    ]);

  it('is read as one raw block, which librdkafka writes', () => {
    expect(decompressSnappy(made('snappyRaw')).toString()).toBe(TEXT);
  });

  it('is read in the blocks of the Java client and the brokers', () => {
    const block = made('snappyRaw');
    expect(decompressSnappy(inBlocks(block, block)).toString()).toBe(TEXT + TEXT);
    expect(decompressSnappy(inBlocks())).toHaveLength(0);
  });

  it.each([
    ['a repetition that contains its own beginning', [9, 0x00, 0x61, 0b000_100_01, 1], 'aaaaaaaaa'],
    ['a distance of four bytes', [6, 0x04, 0x61, 0x62, 0b000011_11, 2, 0, 0, 0], 'ababab'],
    ['a length of a literal in a byte of its own', [3, 0xf0, 2, 0x61, 0x62, 0x63], 'abc'],
  ])('is read with %s', (_, bytes, text) => {
    expect(decompressSnappy(Buffer.from(bytes)).toString()).toBe(text);
  });
});

describe('damaged data', () => {
  const decompressed = fc.constantFrom(
    ...(['lz4Independent', 'lz4WithChecksums', 'lz4Linked'] as const).map(
      (name) => [decompressLz4, made(name)] as const,
    ),
    [decompressSnappy, made('snappyRaw')] as const,
  );

  it.each([
    ['LZ4', decompressLz4, made('lz4Independent')],
    ['Snappy', decompressSnappy, made('snappyRaw')],
  ] as const)('of %s are refused wherever they are cut off', (_, decompress, whole) => {
    for (let length = 1; length < whole.length; length++) {
      expect(() => decompress(whole.subarray(0, length))).toThrow(ARangeError);
    }
  });

  it('end in an error or in other data, never in a loop or in memory that they do not need', () => {
    fc.assert(
      fc.property(
        decompressed,
        fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 4 }),
        ([decompress, whole], changes) => {
          const damaged = Buffer.from(whole);
          for (const { at, byte } of changes) damaged[at % damaged.length] = byte;
          let result: Buffer | undefined;
          try {
            result = decompress(damaged);
          } catch (error) {
            expect(error).toMatchObject(ARangeError);
          }
          expect(result?.length ?? 0).toBeLessThan(256 * whole.length);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a length that the data cannot have', [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x61]],
    ['a length of more than 32 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ])('of Snappy may say %s', (_, bytes) => {
    expect(() => decompressSnappy(Buffer.from(bytes))).toThrow(ARangeError);
  });

  it.each([
    ['nothing of LZ4', Buffer.from('not a frame at all')],
    ['an unknown version', Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x80, 0x40, 0, 0, 0, 0, 0])],
    ['a dictionary that is not there', Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x61, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
  ])('of LZ4 may have %s', (_, bytes) => {
    expect(() => decompressLz4(bytes)).toThrow(ARangeError);
  });
});

describe('what has no content is damaged, and not an empty batch', () => {
  const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
  const SKIPPED = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]);

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a skippable frame alone', SKIPPED],
    ['a skippable frame that ends later', SKIPPED.subarray(0, 8)],
    ['a part of a magic', Buffer.from([4, 0x22])],
  ])('LZ4: %s', (_, data) => {
    expect(() => decompressLz4(data)).toThrow();
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['the magic of snappy-java', MAGIC],
    ['a part of its header', Buffer.concat([MAGIC, Buffer.from([0, 0])])],
    ['a part of its magic', MAGIC.subarray(0, 5)],
  ])('Snappy: %s', (_, data) => {
    expect(() => decompressSnappy(data)).toThrow();
  });
});

it('LZ4: a block is not larger than its frame allows', () => {
  const frame = (descriptor: number, bytes: number): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(0x8000_0000 + bytes);
    return Buffer.concat([
      Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, descriptor, 0]),
      size,
      Buffer.alloc(bytes),
      Buffer.alloc(4),
    ]);
  };
  expect(decompressLz4(frame(0x40, 65_536))).toHaveLength(65_536);
  expect(() => decompressLz4(frame(0x40, 65_537))).toThrow('its frame allows 65536');
  expect(decompressLz4(frame(0x50, 65_537))).toHaveLength(65_537);
  expect(() => decompressLz4(frame(0x30, 10))).toThrow('gives no size of its blocks');
});
