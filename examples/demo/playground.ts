import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, InternalServerError, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, type TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb';
import { consumerTelemetry, runConsumer, type ConsumerTelemetry } from '../../lib/consumer';
import { NO_LOG } from '../../lib/consume/telemetry';
import { deadLetterTopic } from '../../lib/event/consumer-name';
import { encodeItem } from '../../lib/event/item';
import { positionOfVersion } from '../../lib/event/position';
import { createInboxTable } from '../../lib/operator';
import type { ConsoleConsumer } from '../../local/console/actions';
import { SMALL_LIMIT_BYTES, type Services } from '../../local/console/faults';
import { adminClient, createTopics } from '../../local/kafka/topics';
import type { Stack } from '../../local/stack';
import { TOPICS, type ShopEvent } from '../order-service/events';
import { createOrderService } from '../order-service/order-service';
import { createShipping } from '../order-service/shipping';
import { createStore } from '../order-service/store';
import { createTable, type Undo } from './read-model';
import { plan, type Command } from './traffic';

export interface PlaygroundOptions {
  readonly stack: Stack;
  /** Of the services' DynamoDB. */
  readonly clientConfig: DynamoDBClientConfig;
  readonly onApplied: (eventId: string) => void;
  /** Receives each value that the consumer measures. */
  readonly onMetric: (consumer: string, name: string, value: number) => void;
  readonly undo: Undo;
}

/** An order service that writes at a pace, and shipping, which consumes. Both can be made to fail. */
export interface Playground extends Services {
  readonly consumers: readonly ConsoleConsumer[];
  /** Begins to write, until the signal is aborted. Resolves then. */
  write(eventsPerSecond: number, signal: AbortSignal): Promise<void>;
}

/** While DynamoDB does not respond, the services fail and try again: no request may wait forever. */
const TIME_LIMITS = { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true };

/** The error of a DynamoDB that is unavailable. */
const UNAVAILABLE = new InternalServerError({ message: 'made to fail', $metadata: { httpStatusCode: 500 } });
const CONSUMER = 'shipping';
const ORDERS = 'orders';
const SLOW_MS = 4_000;
const ARTICLES = 8;
/** Enough errands for days at the default pace. */
const ERRANDS = 200_000;
/** Kafka's least. */
const SESSION_MS = 6_000;
/** A delay that is made up for later. A longer one means that the pace cannot be kept. */
const ACCEPTED_DELAY_MS = 1_000;
const BEHIND_FOR_MS = 5_000;
/** Errands that run at once, so that a slow write does not slow the pace down. */
const LANES = 6;
/** DynamoDB Local takes no more of the errands, which write two events in a transaction. Deliveries are the rest. */
const ERRANDS_PER_SECOND = 30;
const DELIVERED_AT_ONCE = 20;

export async function startPlayground({
  stack,
  clientConfig,
  onApplied,
  onMetric,
  undo,
}: PlaygroundOptions): Promise<Playground> {
  const { brokers, tableName: outboxTable, region } = stack;
  const client = new DynamoDBClient({ ...clientConfig, requestHandler: TIME_LIMITS });
  undo(() => {
    client.destroy();
    return Promise.resolve();
  });
  const database = DynamoDBDocument.from(client);
  const run = randomBytes(4).toString('hex');
  const [ordersTable, shipmentsTable, inbox] = [`orders-${run}`, `shipments-${run}`, `shipping-inbox-${run}`];
  await Promise.all([
    createTable(client, ordersTable, 'pk', undo),
    createTable(client, shipmentsTable, 'orderId', undo),
    createInboxTable(client, inbox),
    createTopics(brokers, [{ topic: deadLetterTopic(ORDERS, CONSUMER), partitions: 3 }]),
  ]);

  const faults = { isConsumerSlow: false, isConsumerFailing: false };
  const consumerDatabase = {
    get: database.get.bind(database),
    query: database.query.bind(database),
    async transactWrite(input: TransactWriteCommandInput) {
      if (faults.isConsumerSlow) await sleep(SLOW_MS);
      if (faults.isConsumerFailing) throw UNAVAILABLE;
      return database.transactWrite(input);
    },
  } as unknown as typeof database;
  const measured = consumerTelemetry({
    logger: NO_LOG,
    metrics: { addMetric: (name, _, value) => onMetric(CONSUMER, name, value), publishStoredMetrics: () => undefined },
  });
  const telemetry: ConsumerTelemetry = {
    ...measured,
    applied(event, latencyMs) {
      measured.applied(event, latencyMs);
      onApplied(event.id);
    },
  };
  const shipping = createShipping({
    ...{ database: consumerDatabase, shipmentsTable, inboxTable: inbox, name: CONSUMER },
    telemetry,
  });
  const running = await runConsumer({
    ...{ consumer: shipping.consumer, kafka: adminClient(brokers), topics: [ORDERS] },
    // After an outage it joins as a new member, once the session of the old one has ended.
    kafkaConsumer: { sessionTimeout: SESSION_MS, heartbeatInterval: SESSION_MS / 4 },
  });
  undo(() => running.stop());

  const options = { database, ordersTable, outboxTable, region };
  const service = createOrderService(options);
  const { outbox } = createStore(options);
  const execute = (command: Command): Promise<unknown> => {
    if (command.kind === 'place') return service.place(command);
    if (command.kind === 'replenish') return service.replenish(command.sku, command.quantity);
    return service[command.kind](command.orderId);
  };
  let behindAt = -Infinity;
  let written = 0;
  const orderId = (name: string): string => `${name}-${(written += 1)}`;
  const commit = (id: string, version: number, event: ShopEvent): Promise<unknown> =>
    outbox.transact(database, { changes: [{ aggregate: 'order', key: id, version, events: [event] }] });
  const writeDelivery = (): Promise<unknown> => {
    const key = orderId('delivery');
    const events = Array.from({ length: DELIVERED_AT_ONCE }, (_, index): ShopEvent => {
      const quantity = index + 1;
      return { type: 'stock.replenished', data: { sku: `article-${quantity}`, quantity, available: quantity } };
    });
    return outbox.transact(database, { changes: [{ aggregate: 'delivery', key, events }] });
  };
  /** Waits before each transaction for as long as the pace wants, and notes if the pace cannot be kept. */
  const paceOf = (eventsPerSecond: number, signal: AbortSignal) => {
    let due = performance.now();
    return async (events: number): Promise<void> => {
      const earliest = performance.now() - ACCEPTED_DELAY_MS;
      if (due < earliest) behindAt = performance.now();
      due = Math.max(due, earliest) + (1_000 * events) / eventsPerSecond;
      await sleep(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => undefined);
    };
  };
  /** Later versions of an order, which wait while its first one does. */
  const writeLater = async (id: string): Promise<string> => {
    await commit(id, 2, { type: 'order.paid', data: { orderId: id, total: 100 } });
    await commit(id, 3, { type: 'order.shipped', data: { orderId: id } });
    return `order#${id}`;
  };

  return Object.assign(faults, {
    consumers: [{ consumer: CONSUMER, inbox, topics: [ORDERS] }],
    topics: TOPICS,
    mainTopic: ORDERS,
    sideTopic: TOPICS.find((topic) => topic !== ORDERS) ?? ORDERS,
    isBehind: () => performance.now() - behindAt < BEHIND_FOR_MS,
    async writePoison() {
      const id = orderId('too-large');
      // Random text, which no compression makes smaller than the limit.
      const sku = randomBytes(SMALL_LIMIT_BYTES * 2).toString('base64');
      const lines = [{ sku, quantity: 1, unitPrice: 100 }];
      await commit(id, 1, { type: 'order.placed', data: { orderId: id, customerId: 'customer-1', lines, total: 100 } });
      return writeLater(id);
    },
    async writeUnreadable() {
      const id = orderId('unreadable');
      // By hand, because the write helper refuses data that its schema does not allow.
      const item = encodeItem({
        ...{ aggregate: 'order', key: id, pk: `order#${id}`, sk: positionOfVersion(1), id: randomUUID() },
        ...{ source: '/order-service/order', region, committedAt: Date.now(), events: [] },
      });
      const event = { id: item['id'], type: 'order.placed', topic: ORDERS, data: '{"orderId":7}' };
      await database.put({ TableName: outboxTable, Item: { ...item, events: [event] } });
      return writeLater(id);
    },
    async publishForeign() {
      const producer = adminClient(brokers).producer({ allowAutoTopicCreation: false });
      await producer.connect();
      try {
        await producer.send({ topic: ORDERS, acks: -1, messages: [{ key: 'foreign', value: 'hello' }] });
      } finally {
        await producer.disconnect();
      }
    },
    async write(eventsPerSecond: number, signal: AbortSignal) {
      const { opening, errands } = plan(ERRANDS, ARTICLES);
      for (const { command } of opening) await execute(command);
      const ofErrands = Math.min(eventsPerSecond, ERRANDS_PER_SECOND);
      const ofDeliveries = eventsPerSecond - ofErrands;
      const queue = errands.values();
      const errandsPace = paceOf(ofErrands, signal);
      const doErrands = async (): Promise<void> => {
        for (const steps of queue) {
          for (const { command, events } of steps) {
            await errandsPace(events);
            if (signal.aborted) return;
            // A refused command is part of the plan, and a failed one part of a fault.
            await execute(command).catch(() => undefined);
          }
        }
      };
      const deliveriesPace = paceOf(ofDeliveries, signal);
      const deliver = async (): Promise<void> => {
        while (ofDeliveries > 0) {
          await deliveriesPace(DELIVERED_AT_ONCE);
          if (signal.aborted) return;
          await writeDelivery().catch(() => undefined);
        }
      };
      await Promise.all([...Array.from({ length: LANES }, doErrands), ...Array.from({ length: LANES }, deliver)]);
    },
  });
}
