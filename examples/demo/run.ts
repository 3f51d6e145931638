import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { Stack } from '../../local/stack';
import { TOPICS } from '../order-service/events';
import { startConsumer } from './consumer';
import type { DemoError } from './errors';
import { Journeys } from './journeys';
import type { DemoOptions } from './options';
import { readItems } from './outbox-items';
import { plan } from './plan';
import { ReadModel } from './read-model';
import type { CommittedEvent, Delivery, ItemState, OwnRead, ReadModelState } from './record';
import { Repeater } from './repeater';
import type { Screen } from './screen';
import { createTable, dropTable } from './tables';
import { runTraffic } from './traffic';
import { isPending, judge, type Verdict } from './verdict';
import { startWriters } from './writers';

export interface DemoResult {
  readonly verdict: Verdict;
  /** The error of a writer or of the consumer that ended the run early, or `undefined`. */
  readonly failure: unknown;
}

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
 * Runs writers and consumer on the stack until every event has arrived and is marked, or until nothing happens any
 * more. Then it judges the observations. When it resolves or rejects, everything that it started has ended.
 */
export async function runDemo(
  options: Pick<DemoOptions, 'events' | 'writers' | 'keys' | 'json'>,
  stack: Stack,
  screen: Screen,
  signal: AbortSignal,
): Promise<DemoResult> {
  const since = Date.now();
  const client = new DynamoDBClient(stack.clientConfig);
  const document = DynamoDBDocument.from(client);
  const run = randomBytes(4).toString('hex');
  const ordersTable = `orders-${run}`;
  const undo: (() => Promise<unknown>)[] = [];
  const committed: CommittedEvent[] = [];
  const deliveries: Delivery[] = [];
  const journeys = new Journeys();
  const consumerFailure: { error?: DemoError } = {};
  const ownReads: Promise<OwnRead>[] = [];
  const look = async (): Promise<readonly ItemState[]> => {
    const items = await readItems(document, stack.tableName, since);
    journeys.seen(items);
    return items;
  };
  try {
    await createTable(client, ordersTable, ['pk']);
    undo.push(() => dropTable(client, ordersTable));
    const { brokers } = stack;
    const repeater = await Repeater.start(brokers, ORDERS);
    undo.push(() => repeater.stop());
    const readModel = await ReadModel.start({ brokers, client, document, run, topic: ORDERS, signal });
    undo.push(() => readModel.stop());
    const consumer = await startConsumer({
      brokers,
      topics: TOPICS,
      since,
      async onDelivery(delivery, message) {
        deliveries.push(delivery);
        journeys.arrived(delivery);
        await repeater.seen(delivery.topic, delivery.partition, delivery.id, message);
      },
      onFailure: (error) => (consumerFailure.error = error),
    });
    undo.push(() => consumer.stop());
    const writers = await startWriters(options.writers, {
      kind: 'start',
      endpoint: stack.dynamodbEndpoint,
      region: stack.region,
      credentials: stack.credentials,
      ordersTable,
      outboxTable: stack.tableName,
    });
    undo.push(() => writers.stop());
    signal.throwIfAborted();
    screen.begin(options.writers);

    const followed = !options.json && options.events <= FOLLOWED_EVENTS;
    const display = new AbortController();
    const showing = show(screen, journeys, options.json ? undefined : look, followed, display.signal);
    // It is awaited below; until then its failure must not end the process.
    showing.catch(() => undefined);
    let failure: unknown;
    try {
      await runTraffic(plan(options.events, options.keys), {
        writers,
        concurrency: followed ? options.writers : options.writers * LANES_PER_WRITER,
        paceMs: followed ? PACE_MS : 0,
        signal,
        onCommitted(writer, events, command, token) {
          committed.push(...events);
          journeys.committed(writer, events);
          // After the last command of an order, its caller looks the order up at shipping.
          const isLast = command.kind === 'ship' || command.kind === 'cancel';
          if (!isLast || ownReads.length >= OWN_READS) return;
          const committedAt = events[0]?.committedAt ?? Date.now();
          ownReads.push(readModel.readOwnWrite(token, committedAt).then((read) => (screen.read(read), read)));
        },
        onRefused: (writer, command, reason) => screen.refused(writer, command, reason),
      });
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
    try {
      screen.waiting();
      const isApplied = (): boolean =>
        readModel.applied >= committed.filter(({ topic }) => topic === ORDERS).length &&
        readModel.ignored >= repeater.repeated;
      const progress = (): number => deliveries.length + readModel.applied + readModel.ignored;
      const items = await settled(
        { look, progress, isDone: () => journeys.allDelivered && isApplied(), failed: () => consumerFailure.error },
        signal,
      );
      const readModelState: ReadModelState = {
        shipments: await readModel.shipments(),
        deliveredTwice: repeater.repeated,
        ignored: readModel.ignored,
        ownReads: await Promise.all(ownReads),
      };
      display.abort();
      await showing;
      screen.update(journeys);
      return {
        verdict: judge({ committed, deliveries, items, readModel: readModelState }),
        failure: failure ?? consumerFailure.error,
      };
    } finally {
      display.abort();
      await showing;
    }
  } finally {
    for (const step of undo.toReversed()) await step();
    client.destroy();
  }
}

async function show(
  screen: Screen,
  journeys: Journeys,
  look: (() => Promise<unknown>) | undefined,
  followed: boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await look?.();
    screen.update(journeys);
    await Promise.race([sleep(followed ? UPDATE_MS : SLOW_UPDATE_MS), aborted(signal)]);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

interface Settling {
  readonly look: () => Promise<readonly ItemState[]>;
  /** Grows with each delivery and each effect; marks are counted apart. */
  readonly progress: () => number;
  /** Whether everything but the marks is done. */
  readonly isDone: () => boolean;
  readonly failed: () => unknown;
}

/** Returns the items when all is done and marked, the consumer has failed, or nothing happened for a minute. */
async function settled(
  { look, progress, isDone, failed }: Settling,
  signal: AbortSignal,
): Promise<readonly ItemState[]> {
  let before = -1;
  let progressAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const items = await look();
    const pending = items.filter(isPending).length;
    if (pending === 0 && isDone()) return items;
    const now = progress() + items.length - pending;
    if (now !== before) progressAt = performance.now();
    before = now;
    if (failed() !== undefined || performance.now() - progressAt > NO_PROGRESS_MS) return items;
    await sleep(UPDATE_MS);
  }
}
