import { gzipSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { registerCodecs } from '../../../../lib/kafka/codecs/codecs';

const BUILT_IN = { ...CompressionCodecs };
afterEach(() => Object.assign(CompressionCodecs, BUILT_IN));

const MIB = 1024 * 1024;
const HEADER = Buffer.alloc(61);
/** The bytes between the batches of two partitions. */
const PARTITION = Buffer.alloc(30);

/** Arranges batches as in a broker's response, and decompresses them in order. Returns the result of each. */
async function read(partitions: readonly (readonly number[])[]): Promise<string[][]> {
  registerCodecs();
  const codec = CompressionCodecs[CompressionTypes.GZIP]() as { decompress(buffer: Buffer): Promise<Buffer> };
  const parts = partitions.map((sizes) => sizes.map((mib) => gzipSync(Buffer.alloc(mib * MIB, 1))));
  const answer = Buffer.concat(parts.flatMap((batches) => [PARTITION, ...batches.flatMap((each) => [HEADER, each])]));
  let at = 0;
  const read: string[][] = [];
  for (const batches of parts) {
    at += PARTITION.length;
    const results: string[] = [];
    for (const { length } of batches) {
      const compressed = answer.subarray((at += HEADER.length), (at += length));
      results.push(
        await codec.decompress(compressed).then(
          (records) => `${records.length / MIB} MiB`,
          (error: unknown) => (error as Error).name,
        ),
      );
    }
    read.push(results);
  }
  return read;
}

const CUT = 'KafkaJSPartialMessageError';

it('ends the answer for a partition behind 4 MiB, as if the broker had cut it there', async () => {
  expect(await read([[3, 3, 1]])).toEqual([['3 MiB', '3 MiB', CUT]]);
  expect(await read([[1, 1, 1]])).toEqual([['1 MiB', '1 MiB', '1 MiB']]);
});

it('always reads the first batch of a partition, else it would never be read', async () => {
  expect(await read([[9, 1], [9, 1], [9], [1, 1]])).toEqual([
    ['9 MiB', CUT],
    ['9 MiB', CUT],
    ['9 MiB'],
    ['1 MiB', CUT],
  ]);
});
