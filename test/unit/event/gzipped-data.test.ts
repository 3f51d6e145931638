import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { marshall } from '@aws-sdk/util-dynamodb';
import { OutboxError } from '../../../lib';
import { decodeItem, encodeItem, type AttributeValue, type Image } from '../../../lib/event/item';
import { LIMITS } from '../../../lib/event/item-rules';
import { messagesOf } from '../../../lib/event/message';
import { anEvent, anItem, gzippedImageOf, imageOf } from '../../builders/items';

const MAX = LIMITS.gunzippedBytes;

function collectGarbage(): void {
  setFlagsFromString('--expose_gc');
  runInNewContext('gc()');
}

/** An item with an event for each of the given values of `data`. */
const withData = (...all: readonly (AttributeValue | undefined)[]): Image => {
  const image = marshall(encodeItem(anItem())) as Image;
  const event = image['events']?.L?.[0]?.M ?? {};
  const ids = [event['id']?.S ?? '', ...all.slice(1).map((_, at) => `later-${at}`)];
  return {
    ...image,
    events: { L: all.map((data, at) => ({ M: { ...event, id: { S: ids[at]! }, ...(data && { data }) } })) },
  };
};
const gzip = (B: string | Uint8Array): AttributeValue => ({ M: { gzip: { B } } });
const sentOf = (image: Image) => messagesOf(decodeItem(image)).map(({ value }) => value);

function problemOf(image: Image): string {
  try {
    decodeItem(image);
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-item')) return error.message;
    throw error;
  }
  throw new Error('The item was decoded.');
}

test.each(['{"a":"grüße €"}', '', 'x'.repeat(100_000)])('is sent as it was before it was compressed', (text) => {
  expect(sentOf(withData(gzip(gzipSync(text))))).toEqual([Buffer.from(text)]);
  expect(sentOf(withData(gzip(gzipSync(text).toString('base64'))))).toEqual([Buffer.from(text)]);
});

test('the message of compressed data is the message of the same data, byte for byte', () => {
  const item = anItem({ events: [anEvent({ data: JSON.stringify({ text: 'ä'.repeat(3_000) }) })] });
  expect(messagesOf(decodeItem(gzippedImageOf(item)))).toEqual(messagesOf(decodeItem(imageOf(item))));
});

test('data of another language is read: gzip.compress of Python', () => {
  const compressed = 'H4sIAAAAAAACA6tWyssvSVWyUkovOrzn8PxUhZFCK9UCAHAVy6P7AAAA';
  expect(sentOf(withData(gzip(compressed)))).toEqual([Buffer.from(`{"note":"${'grüße '.repeat(30)}"}`)]);
});

test('gzip of several members is read as one', () => {
  expect(sentOf(withData(gzip(Buffer.concat([gzipSync('{"a"'), gzipSync(':1}')]))))).toEqual([Buffer.from('{"a":1}')]);
});

/**
 * The rule by which a relay of an earlier version reads data, or parks the item. It knows no compressed data.
 */
function earlierData({ S, B }: AttributeValue): string | Uint8Array {
  if (S?.isWellFormed() === true) return S;
  if (B !== undefined) return typeof B === 'string' ? Buffer.from(B, 'base64') : B;
  throw new Error('must be a well-formed string, or binary');
}

test('a relay of an earlier version parks it, instead of publishing compressed bytes', () => {
  const dataOf = (image: Image) => image['events']?.L?.[0]?.M?.['data'] ?? {};
  expect(earlierData(dataOf(imageOf(anItem())))).toBe('{"total":5}');
  expect(() => earlierData(dataOf(gzippedImageOf(anItem())))).toThrow('must be a well-formed string, or binary');
});

const whole = gzipSync('{"total":5}');
const withBadChecksum = Buffer.from(whole);
withBadChecksum.writeUInt8(withBadChecksum.readUInt8(whole.length - 8) ^ 1, whole.length - 8);

test.each<[string, AttributeValue, string]>([
  ['no bytes', gzip(Buffer.alloc(0)), 'damaged (unexpected end of file); it must be whole gzip data'],
  ['three bytes', gzip(whole.subarray(0, 3)), 'damaged (unexpected end of file)'],
  ['a part', gzip(whole.subarray(0, -9)), 'damaged (unexpected end of file)'],
  ['other bytes', gzip(Buffer.from('{"total":5}')), 'damaged (incorrect header check)'],
  ['a wrong checksum', gzip(withBadChecksum), 'damaged (incorrect data check)'],
  ['bytes behind it', gzip(Buffer.concat([whole, Buffer.from('more')])), 'damaged (incorrect header check)'],
  [
    'a zero byte and data behind it',
    gzip(Buffer.concat([whole, Buffer.alloc(1), whole])),
    'damaged (unexpected bytes after its end)',
  ],
])('%s is refused, with its attribute', (_, data, message) => {
  const problem = problemOf(withData({ S: '{}' }, data));
  expect(problem).toContain(`"events[1].data.gzip" is ${message}`);
});

test.each<[string, AttributeValue]>([
  ['a map without gzip', { M: { zstd: { B: whole } } }],
  ['a map with more than gzip', { M: { gzip: { B: whole }, level: { N: '9' } } }],
  ['gzip that is text', { M: { gzip: { S: 'H4sI' } } }],
  ['an empty map', { M: {} }],
])('%s is refused', (_, data) => {
  expect(problemOf(withData(data))).toContain(
    '"events[0].data" must be a well-formed string, binary, or a map that has "gzip" alone, which is binary',
  );
});

describe('the decompressed size', () => {
  const zeros = (bytes: number): AttributeValue => gzip(gzipSync(Buffer.alloc(bytes)));

  test('may be as large as the limit, which holds for all events of an item together', () => {
    expect(sentOf(withData(zeros(MAX)))[0]).toHaveLength(MAX);
    expect(sentOf(withData(zeros(MAX - 10), zeros(10), zeros(0), { S: 'x' }))).toHaveLength(4);
  });

  test.each<[string, number, readonly AttributeValue[]]>([
    ['one event', 0, [zeros(MAX + 1)]],
    ['a later event', 1, [zeros(MAX - 10), zeros(11)]],
    ['an event after the limit is used up', 1, [zeros(MAX), zeros(1)]],
  ])('beyond the limit is refused: %s', (_, at, data) => {
    expect(problemOf(withData(...data))).toContain(
      `"events[${at}].data.gzip" is of more bytes; it must be gzip of at most 1048576 bytes, counted over all events of the item`,
    );
  });

  test('stops there: 400 KB that would have 400 MB of content cost no more memory', () => {
    const bomb = gzipSync(Buffer.alloc(400 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(400 * 1024);
    // The statement of the size in the last bytes may be false.
    for (const stated of [0, 1, MAX, 0xffff_ffff]) {
      bomb.writeUInt32LE(stated, bomb.length - 4);
      const before = process.memoryUsage().arrayBuffers;
      expect(problemOf(withData(gzip(bomb)))).toContain('is of more bytes');
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MAX);
    }
  });

  test('of many damaged items does not fill the memory', async () => {
    const damaged = gzipSync(Buffer.alloc(MAX));
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 8) ^ 1, damaged.length - 8);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < 200; at++) expect(problemOf(withData(gzip(damaged)))).toContain('incorrect data check');
    // The memory of a stream is freed a turn after its object.
    for (let turn = 0; turn < 5; turn++) await setImmediate().then(collectGarbage);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * MAX);
  });

  test('is not what the last bytes state', () => {
    const data = gzipSync(Buffer.alloc(5_000, 'a'));
    data.writeUInt32LE(10, data.length - 4);
    expect(problemOf(withData(gzip(data)))).toContain('damaged (incorrect length check)');
  });
});
