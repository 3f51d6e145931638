import { gzipSync } from 'node:zlib';
import { LIMITS } from '../../../lib/event/item-rules';
import { anEvent, anItem, gzippedImageOf, imageOf, insertOf } from '../../builders/items';
import { aRelay, plentyOfTime } from '../../builders/relay-ports';

const MAX = LIMITS.gunzippedBytes;
const data = JSON.stringify({ text: 'grüße '.repeat(500) });
const compressed = (key: string, change: { data?: string; version?: number } = {}) =>
  insertOf(
    gzippedImageOf(
      anItem({ key, version: change.version, events: [anEvent({ id: `id-${key}`, data: change.data ?? data })] }),
    ),
  );

it('publishes compressed data as it was before', async () => {
  const { handle, kafka } = aRelay();

  expect(await handle([compressed('42')], plentyOfTime)).toBeUndefined();

  expect(kafka.publishes.flat(1).flatMap(({ messages }) => messages.map(({ value }) => value?.toString()))).toEqual([
    data,
  ]);
});

it('counts the decompressed size in the size of a batch', async () => {
  const { handle, kafka } = aRelay({ maxBatchBytes: 4_000 });
  kafka.topics.set('orders', 1);

  expect(await handle([compressed('1'), compressed('2')], plentyOfTime)).toBeUndefined();

  expect(kafka.publishes.map((round) => round.map(({ messages }) => messages.length))).toEqual([[1], [1]]);
});

it('parks an item whose data is damaged, and publishes other keys', async () => {
  const { handle, kafka, table } = aRelay();
  const image = imageOf(anItem({ key: 'bad' }));
  const event = image['events']?.L?.[0]?.M ?? {};
  const gzip = { B: gzipSync(data).subarray(0, -4).toString('base64') };
  const damaged = insertOf({ ...image, events: { L: [{ M: { ...event, data: { M: { gzip } } } }] } });

  expect(await handle([damaged, compressed('good')], plentyOfTime)).toBeUndefined();

  expect(kafka.log.map(({ id }) => id)).toEqual(['id-good']);
  expect(table.parkings).toMatchObject([
    {
      reason: 'undecodable-item',
      message: expect.stringContaining('"events[0].data.gzip" is damaged (unexpected end of file)') as unknown,
    },
  ]);
});

describe('a batch of which the data would fill the memory', () => {
  const large = 'x'.repeat(MAX);
  const records = Array.from({ length: 200 }, (_, at) => compressed(String(at), { data: large }));

  it('is published up to 128 MB, and the records after it are delivered again', async () => {
    const { handle, kafka } = aRelay();

    expect(await handle(records, plentyOfTime)).toBe(128);
    expect(kafka.log).toHaveLength(128);

    expect(await handle(records.slice(128), plentyOfTime)).toBeUndefined();
    expect(new Set(kafka.log.map(({ id }) => id)).size).toBe(200);
    expect(kafka.log).toHaveLength(200);
  });

  it('of which an earlier record fails is delivered again from that record', async () => {
    const { handle, kafka } = aRelay();
    kafka.refuse = ({ messages }) =>
      messages.some(({ headers }) => headers['ce_id'] === 'id-100') ? { kind: 'outage', message: 'no' } : undefined;

    expect(await handle(records, plentyOfTime)).toBeLessThanOrEqual(100);
  });
});
