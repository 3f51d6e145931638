import { BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeItem, isoTime } from '../lib/event/item';
import { positionOfVersion } from '../lib/event/position';
import { startStack, type Stack } from '../local/stack';
import { silenceTimerWarning } from '../lib/kafka/timer-warning';

const ITEMS = Number(process.argv[2] ?? 100_000);
const ITEMS_PER_KEY = 10;
const ITEMS_PER_CALL = 25;
const CALLS_AT_ONCE = 8;
const HOUR_MS = 3_600_000;
/** Data of this size makes an item of about 1 KB. */
const DATA = JSON.stringify({ text: 'x'.repeat(700) });
/** One item in a hundred was never published. */
const PENDING_EVERY = 100;

/** An item from an hour and a half ago. Most are processed; the stream has lost the others. */
function image(n: number): Record<string, unknown> {
  const [key, version] = [`k${Math.floor(n / ITEMS_PER_KEY)}`, (n % ITEMS_PER_KEY) + 1];
  const committedAt = Date.now() - 1.5 * HOUR_MS;
  const id = `id-${n}`;
  const item = encodeItem({
    aggregate: 'order',
    key,
    pk: `order#${key}`,
    sk: positionOfVersion(version),
    id,
    source: '/bench/order',
    region: 'eu-west-1',
    committedAt,
    events: [
      {
        id,
        type: 'order.changed',
        topic: 'orders',
        time: isoTime(committedAt),
        contentType: 'application/json',
        data: DATA,
      },
    ],
  });
  if (n % PENDING_EVERY === PENDING_EVERY - 1) return item;
  const processedAt = committedAt + 500;
  const expiresAt = Math.ceil(processedAt / 1000) + 86_400;
  return { ...item, processedAt, receipts: [`orders-0@${n}`], expiresAt };
}

async function fill({ clientConfig, tableName }: Stack): Promise<void> {
  const client = new DynamoDBClient(clientConfig);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < ITEMS) {
      const from = next;
      next += ITEMS_PER_CALL;
      const numbers = Array.from({ length: Math.min(ITEMS_PER_CALL, ITEMS - from) }, (_, at) => from + at);
      const requests = numbers.map((n) => ({
        PutRequest: { Item: marshall(image(n), { removeUndefinedValues: true }) },
      }));
      const { UnprocessedItems } = await client.send(
        new BatchWriteItemCommand({ RequestItems: { [tableName]: requests } }),
      );
      if (Object.keys(UnprocessedItems ?? {}).length > 0) throw new Error('DynamoDB Local left items unwritten.');
      if (from > 0 && from % 10_000 === 0) console.error(`${from.toLocaleString('en-US')} items written`);
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, lane));
  client.destroy();
}

async function main(): Promise<void> {
  silenceTimerWarning();
  const stack = await startStack({ topics: [{ topic: 'orders' }], mapping: false });
  try {
    await fill(stack);
    const { report, maxRssBytes } = await stack.sweepMeasured();
    console.log(
      JSON.stringify(
        {
          items: report.items,
          pending: report.pending,
          signalsSent: report.signalsSent,
          readUnits: report.readUnits,
          durationMs: report.durationMs,
          maxRssMb: Math.round(maxRssBytes / 1024 / 1024),
          complete: report.complete,
        },
        null,
        1,
      ),
    );
  } finally {
    await stack.stop();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
