import { CompressionTypes } from 'kafkajs';
import { lookup, requests } from 'kafkajs/src/protocol/requests';
import fc from '../../../builders/fast-check';
import { registerZstd } from '../../../../lib/kafka/codecs/zstd';
import { compressorOf, hasEncodedBody } from '../../../../lib/relay/kafkajs/partition-answers';
import { encodeProduceRequest, type ProduceRequest } from '../../../../lib/relay/publishing/produce-request';

const PRODUCE = 0;

interface Compressed extends ProduceRequest {
  readonly compression?: CompressionTypes;
}

const byUs = ({ compression, ...request }: Compressed): Promise<Buffer> =>
  encodeProduceRequest(request, compressorOf(compression));

async function byKafkajs(request: Compressed, version: number): Promise<Buffer> {
  const exchange = lookup({ [PRODUCE]: { minVersion: version, maxVersion: version } })(PRODUCE, requests.Produce);
  return (await exchange(request).request.encode()).buffer;
}

registerZstd();
beforeEach(() => {
  jest.spyOn(Date, 'now').mockReturnValue(1_790_000_000_000);
});
afterEach(() => jest.restoreAllMocks());

const buffer = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength });
const message = fc.record({
  key: buffer(200),
  value: fc.option(buffer(3_000), { nil: null }),
  headers: fc.dictionary(text(80), text(300), { maxKeys: 20 }),
});
const request: fc.Arbitrary<Compressed> = fc.record({
  acks: fc.constant(-1),
  timeout: fc.nat(),
  transactionalId: fc.constantFrom(undefined, null, 'transaction-é'),
  producerId: fc.constantFrom('-1', '4711', '9007199254740993'),
  producerEpoch: fc.nat(32_767),
  compression: fc.constantFrom(CompressionTypes.None, CompressionTypes.GZIP, CompressionTypes.ZSTD),
  topicData: fc.array(
    fc.record({
      topic: text(60),
      partitions: fc.array(
        fc.record({
          partition: fc.nat(1_000),
          firstSequence: fc.nat(),
          messages: fc.array(message, { minLength: 1, maxLength: 150 }),
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 3 },
  ),
});

it.each([3, 7])('writes the bytes of kafkajs, in version %d', async (version) => {
  await fc.assert(
    fc.asyncProperty(request, async (given) => {
      expect((await byUs(given)).equals(await byKafkajs(given, version))).toBe(true);
    }),
    { numRuns: 150 },
  );
});

it('knows the versions with this body', () => {
  expect([0, 2, 3, 5, 7, 8].map(hasEncodedBody)).toEqual([false, false, true, true, true, false]);
});

it('has room for a large message that cannot be compressed', async () => {
  const value = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => (at * at * 31 + (at >> 3) * 17) & 0xff));
  const given: Compressed = {
    ...{ acks: -1, timeout: 1, compression: CompressionTypes.GZIP },
    topicData: [
      { topic: 't', partitions: [{ partition: 0, messages: [{ key: Buffer.alloc(0), value, headers: {} }] }] },
    ],
  };

  expect((await byUs(given)).equals(await byKafkajs(given, 7))).toBe(true);
});
