import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { isPosition } from '../../lib/event/position';
import { scanPages } from '../../lib/relay/dynamodb/pages';
import type { Stack } from '../../local/stack';
import { TOPICS } from '../order-service/events';
import { startConsumer } from './consumer';
import { Journeys } from './journeys';
import type { DemoOptions } from './options';
import { createTable, startReadModel, type Undo } from './read-model';
import type { ItemState, OwnRead } from './record';
import type { Screen } from './screen';
import { plan, runTraffic } from './traffic';
import { isPending, judge, type Verdict } from './verdict';
import { startWriters } from './writers';

const LANES_PER_WRITER = 4;
/** Up to this number a person can follow, so the commands are paced. */
const FOLLOWED_EVENTS = 200;
const PACE_MS = 400;
const UPDATE_MS = 200;
/** Each update scans the whole table, so a large table is scanned less often. */
const SLOW_UPDATE_MS = 1_000;
const NO_PROGRESS_MS = 60_000;
/** The topic that shipping reads. */
const ORDERS = 'orders';
/** A few show it; each one polls until the read model has the write. */
const OWN_READS = 10;

/**
 * Runs writers and consumers on the stack until every event has arrived and is marked, or until nothing happens any
 * more. Then it judges the observations. When it resolves or rejects, everything that it started has ended. `failure`
 * is the error of a writer or of the consumer that ended the run early.
 */
export async function runDemo(
  options: DemoOptions,
  stack: Stack,
  screen: Screen,
  signal: AbortSignal,
): Promise<{ readonly verdict: Verdict; readonly failure: unknown }> {
  const since = Date.now();
  const { brokers, dynamodbEndpoint: endpoint, region, credentials, tableName: outboxTable } = stack;
  const client = new DynamoDBClient(stack.clientConfig);
  const run = randomBytes(4).toString('hex');
  const ordersTable = `orders-${run}`;
  const journeys = new Journeys();
  const ownReads: Promise<OwnRead>[] = [];
  const [ofWriters, ofConsumer]: [unknown[], unknown[]] = [[], []];
  const steps: Parameters<Undo>[0][] = [];
  const undo: Undo = (step) => void steps.push(step);
  try {
    const config = { endpoint, region, credentials, ordersTable, outboxTable };
    const starting = [
      startReadModel({ brokers, client, run, topic: ORDERS, signal, undo }),
      startConsumer({
        ...{ brokers, topics: TOPICS, since, repeatedTopic: ORDERS, undo },
        onDelivery: (delivery) => journeys.arrived(delivery),
        onFailure: (error) => ofConsumer.push(error),
      }),
      startWriters(options.writers, config, undo),
      createTable(client, ordersTable, 'pk', undo),
    ] as const;
    // All of them settle before an error is thrown: the clean-up would miss what is still starting.
    await Promise.allSettled(starting);
    const [readModel, consumer, writers] = await Promise.all(starting);
    signal.throwIfAborted();
    screen.begin(options.writers);

    const followed = !options.json && options.events <= FOLLOWED_EVENTS;
    let trafficEnded = false as boolean;
    const traffic = runTraffic(plan(options.events, options.keys), {
      ...{ writers, signal, paceMs: followed ? PACE_MS : 0 },
      concurrency: followed ? options.writers : options.writers * LANES_PER_WRITER,
      onCommitted(writer, events, command, token) {
        journeys.committed(writer, events);
        // After the last command of an order, its caller looks the order up at shipping.
        const isLast = command.kind === 'ship' || command.kind === 'cancel';
        if (!isLast || ownReads.length >= OWN_READS) return;
        const read = readModel.readOwnWrite(token, events[0]?.committedAt ?? Date.now());
        ownReads.push(read.then((each) => (screen.read?.(each), each)));
      },
      onRefused: (writer, command, reason) => screen.refused?.(writer, command, reason),
    })
      .catch((error: unknown) => ofWriters.push(error))
      .then(() => {
        trafficEnded = true;
        screen.waiting?.();
      });
    undo(() => traffic);

    const { counts } = readModel;
    let [before, progressAt] = [-1, performance.now()];
    for (;;) {
      signal.throwIfAborted();
      // Decided before the table is read: an event that is committed meanwhile must be seen in it.
      const isLast = trafficEnded;
      if (isLast || !options.json) journeys.seen(await readItems(client, outboxTable, since));
      screen.update(journeys);
      const { committed, deliveries, items } = journeys.observed;
      const marked = items.filter((item) => !isPending(item)).length;
      const progress = committed.length + deliveries.length + marked + counts.applied + counts.ignored;
      if (progress !== before) [before, progressAt] = [progress, performance.now()];
      const isDone =
        marked === items.length &&
        journeys.allDelivered &&
        counts.applied >= committed.filter(({ topic }) => topic === ORDERS).length &&
        counts.ignored >= consumer.repeated;
      const isStuck = ofConsumer.length > 0 || performance.now() - progressAt > NO_PROGRESS_MS;
      if (isLast && (isDone || isStuck)) break;
      await Promise.race([sleep(isLast || followed ? UPDATE_MS : SLOW_UPDATE_MS), ...(isLast ? [] : [traffic])]);
    }
    const verdict = judge({
      ...journeys.observed,
      readModel: {
        shipments: await readModel.shipments(),
        deliveredTwice: consumer.repeated,
        ignored: counts.ignored,
        ownReads: await Promise.all(ownReads),
      },
    });
    screen.update(journeys);
    return { verdict, failure: ofWriters[0] ?? ofConsumer[0] };
  } finally {
    for (const step of steps.toReversed()) await step();
    client.destroy();
  }
}

/** All outbox items that were committed at or after `since`, without holds and signals. */
async function readItems(client: DynamoDBClient, tableName: string, since: number): Promise<ItemState[]> {
  const items: ItemState[] = [];
  const pages = scanPages(
    { client, tableName },
    {
      ...{ ConsistentRead: true, FilterExpression: 'committedAt >= :since' },
      ExpressionAttributeValues: { ':since': { N: String(since) } },
    },
  );
  for await (const page of pages) {
    for (const { pk, sk, events = [], processedAt, expiresAt, receipts = [] } of page.items.map(storedItem)) {
      if (!isPosition(sk)) continue;
      items.push({ pk, sk, processedAt, expiresAt, events: events.map(({ id }) => id), receipts: receipts.length });
    }
  }
  return items;
}

interface StoredItem extends Omit<ItemState, 'events' | 'receipts'> {
  readonly events?: readonly { readonly id: string }[];
  readonly receipts?: readonly string[];
}

const storedItem = (image: Parameters<typeof unmarshall>[0]): StoredItem => unmarshall(image) as StoredItem;
