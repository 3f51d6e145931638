import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { unpublished, OverdueItems } from '../../../lib/operate/unpublished';
import { EMPTY_COUNTS } from '../../../lib/sweep/table-counts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const ago = (seconds: number): number => NOW - seconds * 1000;

/** Items with the given waiting times in seconds. Those in `published` are published before the second read. */
async function proofOf(
  waits: readonly number[],
  counts: { readonly lastProcessedAt?: number; readonly newestPublishedAt?: number },
  published: readonly number[] = [],
) {
  const waiting = new OverdueItems();
  waits.forEach((seconds, at) => {
    waiting.add({ kind: 'due', pk: `order#${at}`, from: '1', items: 2, since: ago(seconds) });
  });
  const reads: string[] = [];
  const client = {
    send: ({ input }: { input: { Key: { pk: { S: string } }; ConsistentRead: boolean } }) => {
      expect(input.ConsistentRead).toBe(true);
      const { S: pk } = input.Key.pk;
      reads.push(pk);
      const isPublished = published.includes(Number(pk.split('#')[1]));
      const mark = isPublished ? { processedAt: { N: String(NOW) } } : {};
      return Promise.resolve({ Item: { pk: { S: pk }, ...mark } });
    },
  } as unknown as DynamoDBClient;
  let now = NOW;
  const clock = {
    now: () => now,
    pause: (ms: number) => {
      now += ms;
      return Promise.resolve();
    },
  };
  const proof = await unpublished({ client, tableName: 'outbox' }, waiting, { ...EMPTY_COUNTS, ...counts }, clock);
  return { ...proof, reads };
}

it('says within seconds that nothing is published', async () => {
  expect(await proofOf([52, 20], { lastProcessedAt: ago(60), newestPublishedAt: ago(61) })).toMatchObject({
    silentMs: 52_000 + 3_000,
  });
  expect(await proofOf([300], {})).toMatchObject({ silentMs: 303_000 });
});

it('says which items were overtaken by later ones', async () => {
  const proof = await proofOf([40, 30, 5], { lastProcessedAt: ago(1), newestPublishedAt: ago(2) });

  expect(proof).toEqual({
    overtaken: { items: 4, keys: 2, first: ['order#0', 'order#1'] },
    reads: ['order#0', 'order#1', 'order#2'],
  });
});

it('says so of items of about one time once nothing was published for a while', async () => {
  expect(await proofOf([40, 38], { lastProcessedAt: ago(30), newestPublishedAt: ago(37) })).toEqual({
    overtaken: { items: 4, keys: 2, first: ['order#0', 'order#1'] },
    reads: ['order#0', 'order#1'],
  });
});

it('counts all that were overtaken, although it names and reads 25', async () => {
  const waits = Array.from({ length: 400 }, (_, at) => 1_000 - at);
  const proof = await proofOf(waits, { lastProcessedAt: ago(1), newestPublishedAt: ago(2) });

  expect(proof.overtaken).toMatchObject({ items: 800, keys: 400 });
  expect(proof.overtaken?.first).toHaveLength(25);
  expect(proof.reads).toHaveLength(25);
});

it.each([
  ['nothing waits', [], { lastProcessedAt: ago(7_200) }],
  ['a backlog is published in its order', [300, 200, 100], { lastProcessedAt: ago(1), newestPublishedAt: ago(301) }],
  ['what waits is seconds old', [11], { lastProcessedAt: ago(60), newestPublishedAt: ago(60) }],
  ['items of about one time are published in any order', [20], { lastProcessedAt: ago(1), newestPublishedAt: ago(12) }],
])('says nothing, and reads nothing again, while %s', async (_, waits, counts) => {
  expect(await proofOf(waits, counts)).toEqual({ reads: [] });
});

it('looks again before it says so: the clock of a writer can be behind', async () => {
  expect(await proofOf([600], { lastProcessedAt: ago(1), newestPublishedAt: ago(2) }, [0])).toEqual({
    reads: ['order#0'],
  });
  // If an item was published meanwhile, the relay is not silent.
  expect(await proofOf([600, 500], { lastProcessedAt: ago(100) }, [0])).toMatchObject({
    reads: ['order#0', 'order#1'],
  });
  expect(await proofOf([600, 500], { lastProcessedAt: ago(100) }, [0])).not.toHaveProperty('silentMs');
});
