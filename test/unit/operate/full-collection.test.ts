import {
  ItemCollectionSizeLimitExceededException,
  PutItemCommand,
  TransactionCanceledException,
  type DynamoDBClient,
  type PutItemCommandInput,
  type TransactWriteItemsCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeItem } from '../../../lib/event/item';
import { SIGNALS_PARTITION } from '../../../lib/event/key';
import { follow } from '../../../lib/operate/follow';
import { planRedrive, redrive, type RedriveOptions } from '../../../lib/operate/redrive';
import { controlStore } from '../../../lib/relay/dynamodb/control';
import { sweepStore } from '../../../lib/sweep/dynamodb-store';
import type { SweepStore } from '../../../lib/sweep/ports';
import { sweep } from '../../../lib/sweep/sweep';
import { memoryClient } from '../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../lib/testing/dynamodb/memory-dynamodb';
import { MemoryRelay } from '../../../lib/testing/memory-relay';
import { anItem } from '../../builders/items';
import { FakeKafka } from '../../builders/relay-ports';

const KEY = 'order#42';
const HOUR = 3_600_000;
const request = { by: 'me', at: 1_800_000_000_000, why: 'the topic exists now' };

/** Refuses every new item of the key, as DynamoDB does once the items of a partition key reach 10 GB. */
function fill(client: DynamoDBClient, isFull: () => boolean): void {
  const isOfKey = (item?: PutItemCommandInput['Item']): boolean => isFull() && item?.['pk']?.S === KEY;
  const message = 'Collection size exceeded.';
  client.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        if (commandName === 'PutItemCommand' && isOfKey((args.input as PutItemCommandInput).Item)) {
          throw new ItemCollectionSizeLimitExceededException({ message, $metadata: {} });
        }
        if (commandName === 'TransactWriteItemsCommand') {
          const { TransactItems = [] } = args.input as TransactWriteItemsCommandInput;
          if (TransactItems.some(({ Put }) => isOfKey(Put?.Item))) {
            throw new TransactionCanceledException({
              message,
              $metadata: {},
              CancellationReasons: TransactItems.map(({ Put }) => ({
                Code: isOfKey(Put?.Item) ? 'ItemCollectionSizeLimitExceeded' : 'None',
              })),
            });
          }
        }
        return next(args);
      },
    { step: 'initialize' },
  );
}

function aTable() {
  let now = request.at;
  const clock = { now: () => now };
  const db = new MemoryDynamoDb({ outbox: { pk: 'S', sk: 'S' } }, clock.now);
  const client = memoryClient(db, 'eu-central-1', (error) => {
    throw error;
  });
  let isFull = false;
  fill(client, () => isFull);
  const kafka = new FakeKafka();
  const relay = new MemoryRelay({ client, tableName: 'outbox', publisher: kafka, order: 'relaxed', clock });
  let shows = true;
  db.onInsert = (insert) => {
    if (shows) relay.insert(insert);
  };
  const target = { client, tableName: 'outbox' };
  const store: SweepStore = {
    ...sweepStore(client, { ...target, readUnitsPerSecond: 1_000 }, clock, async () => {
      await relay.run();
    }),
    describe: () => Promise.resolve({ bytes: 0 }),
    // oxlint-disable-next-line typescript/require-await -- a page of a real scan is waited for
    async *segment(index) {
      if (index === 0) yield { images: db.items('outbox'), readUnits: 1 };
    },
  };
  return {
    ...{ kafka, relay, target },
    put: (version: number) =>
      client.send(
        new PutItemCommand({ TableName: 'outbox', Item: marshall(encodeItem(anItem({ version, committedAt: now }))) }),
      ),
    fill: () => void (isFull = true),
    /** With `false`, the stream loses every later write. */
    show: (what: boolean) => void (shows = what),
    pass: (ms: number) => void (now += ms),
    holds: async () => (await controlStore({ client, tableName: 'outbox' }, clock).read()).holds,
    signals: () => db.items('outbox').filter((item) => item['pk']?.S === SIGNALS_PARTITION),
    ask: async (options: RedriveOptions = {}) =>
      redrive(target, await planRedrive(target, { keys: [KEY] }), request, options),
    sweep: () =>
      sweep(store, {
        ...{ overdueAfterMs: HOUR, readUnitsPerSecond: 1_000, by: 'sweeper' },
        ...{ remainingMs: () => 900_000, now: clock.now },
      }),
  };
}

async function aFullHeldKey() {
  const table = aTable();
  table.kafka.refuse = ({ messages }) =>
    messages.some(({ headers }) => headers['ce_id'] === 'id-order-42-1')
      ? { kind: 'poison', reason: 'message-refused', message: 'no' }
      : undefined;
  await table.put(1);
  await table.put(2);
  await table.relay.run();
  expect((await table.holds()).get(KEY)).toMatchObject({ state: 'holding' });
  table.fill();
  return table;
}

it('a key whose collection has no room for a signal is released by an operator', async () => {
  const { kafka, relay, target, holds, signals, ask } = await aFullHeldKey();
  kafka.refuse = () => undefined;

  const { asked, failed } = await ask();
  expect(failed).toEqual([]);
  expect(signals()).toHaveLength(1);
  await relay.run();

  expect(await follow(target, asked, { timeoutMs: 1_000 })).toEqual([{ pk: KEY, outcome: 'released' }]);
  expect((await holds()).size).toBe(0);
  expect(signals()).toEqual([]);
  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-42-1', 'id-order-42-2']);
});

it('its refused item is skipped', async () => {
  const { kafka, relay, holds, ask } = await aFullHeldKey();
  expect((await ask({ skip: true })).failed).toEqual([]);
  await relay.run();
  expect((await holds()).size).toBe(0);
  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-42-2']);
});

it('its signal is put again by the sweeper when the stream has lost it', async () => {
  const { kafka, relay, holds, ask, show, pass, sweep: sweepNow, signals } = await aFullHeldKey();
  kafka.refuse = () => undefined;
  show(false);
  await ask();
  await relay.run();
  expect((await holds()).size).toBe(1);
  show(true);
  pass(2 * HOUR);

  for (let run = 0; run < 3 && (await holds()).size > 0; run++) {
    await sweepNow();
    await relay.run();
    pass(2 * HOUR);
  }

  expect((await holds()).size).toBe(0);
  expect(signals()).toEqual([]);
  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-42-1', 'id-order-42-2']);
});
