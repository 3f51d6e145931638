import { createHash, randomInt, randomUUID } from 'node:crypto';
import { marshall } from '@aws-sdk/util-dynamodb';
import { createOutbox, defineEvents, type StandardSchemaV1 } from '../lib';
import { itemBytes, WRITE_UNIT_BYTES } from '../lib/dynamodb/item-size';
import { decodeItem, type Image } from '../lib/event/item';
import { messagesOf } from '../lib/event/message';
import { median } from './statistics';

/** The costs of compressed data in CPU, and what it saves: 1,000 events with data of about 4 KB, one in each item. */
const EVENTS = 1_000;
const ROUNDS = 15;
const LINES = 34;

const anything: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) },
};
const events = defineEvents({ 'order.placed': { schema: anything, topic: 'orders' } });
const outboxThat = (compressDataAbove?: number) =>
  createOutbox({ tableName: 'outbox', service: 'shop', region: 'eu-central-1', events, compressDataAbove });

/** An order whose lines have names and amounts, which compress, and identifiers, which do not. */
const order = (): object => ({
  orderId: randomUUID(),
  customerId: randomUUID(),
  status: 'PLACED',
  lines: Array.from({ length: LINES }, (_, n) => ({
    sku: createHash('sha256').update(randomUUID()).digest('hex').slice(0, 16),
    name: `Article ${randomInt(1_000)} of size ${n % 7}`,
    quantity: randomInt(1, 10),
    price: { amount: randomInt(100_000) / 100, currency: 'EUR' },
  })),
});

interface Figures {
  /** CPU milliseconds of all threads for 1,000 events. */
  readonly writeMs: number;
  readonly readMs: number;
  readonly itemBytes: number;
  readonly commitWriteUnits: number;
}

const cpuMs = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

async function measure(orders: readonly object[], compressDataAbove?: number): Promise<Figures> {
  const outbox = outboxThat(compressDataAbove);
  const items: Record<string, unknown>[] = [];
  const beforeWrite = process.cpuUsage();
  for (const [version, data] of orders.entries()) {
    const [action] = await outbox.items({ aggregate: 'order', key: randomUUID(), version }, [
      { type: 'order.placed', data },
    ]);
    if (action !== undefined) items.push(action.Put.Item);
  }
  const writeMs = cpuMs(beforeWrite);
  // The SDK and Lambda do this in both cases.
  const images = items.map((item) => streamImage(item));
  const beforeRead = process.cpuUsage();
  const messages = images.flatMap((image) => messagesOf(decodeItem(image)));
  const readMs = cpuMs(beforeRead);
  if (messages.length !== EVENTS) throw new Error(`${messages.length} messages were made of ${EVENTS} events.`);
  const sizes = items.map(itemBytes);
  return {
    writeMs,
    readMs,
    itemBytes: median(sizes),
    commitWriteUnits: median(sizes.map((bytes) => 2 * Math.ceil(bytes / WRITE_UNIT_BYTES))),
  };
}

/** As Lambda passes it on: bytes are base64. */
const streamImage = (item: Readonly<Record<string, unknown>>): Image =>
  JSON.parse(
    JSON.stringify(marshall(item), function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
      const bytes = this[name];
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('base64') : value;
    }),
  ) as Image;

async function main(): Promise<void> {
  const rounds: { readonly plain: Figures; readonly compressed: Figures }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const orders = Array.from({ length: EVENTS }, order);
    rounds.push({ plain: await measure(orders), compressed: await measure(orders, 1_000) });
  }
  // The first rounds compile the code.
  const timed = rounds.slice(3);
  const of = (kind: 'plain' | 'compressed', name: keyof Figures): number =>
    Number(median(timed.map((round) => round[kind][name])).toFixed(1));
  const figures = (kind: 'plain' | 'compressed'): Figures => ({
    writeMs: of(kind, 'writeMs'),
    readMs: of(kind, 'readMs'),
    itemBytes: of(kind, 'itemBytes'),
    commitWriteUnits: of(kind, 'commitWriteUnits'),
  });
  console.log(
    JSON.stringify(
      {
        dataBytes: Buffer.byteLength(JSON.stringify(order())),
        plain: figures('plain'),
        compressed: figures('compressed'),
      },
      null,
      1,
    ),
  );
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
