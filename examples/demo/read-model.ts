import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { Kafka, logLevel } from 'kafkajs';
import { runConsumer, type ConsistencyToken, type RunningConsumer } from '../../lib/consumer';
import { SILENT } from '../../lib/consume/telemetry';
import { createInboxTable } from '../../lib/operator';
import { createShipping, shipmentRow, type Shipping } from '../order-service/shipping';
import type { OwnRead, ShipmentState } from './record';
import { createTable, dropTable } from './tables';

export interface ReadModelOptions {
  readonly brokers: readonly string[];
  readonly client: DynamoDBClient;
  readonly document: DynamoDBDocument;
  /** Part of the names of tables and group, so that several runs can share servers. */
  readonly run: string;
  /** The topic that shipping reads. */
  readonly topic: string;
  readonly signal: AbortSignal;
}

const READ_TIMEOUT_MS = 30_000;

/** Shipping's read model, as another team would run it: a consumer of the topic with tables of its own. */
export class ReadModel {
  readonly #options: ReadModelOptions;
  readonly #shipmentsTable: string;
  readonly #inboxTable: string;
  readonly #shipping: Shipping;
  #running: RunningConsumer | undefined;
  #applied = 0;
  #ignored = 0;

  private constructor(options: ReadModelOptions) {
    this.#options = options;
    this.#shipmentsTable = `shipments-${options.run}`;
    this.#inboxTable = `shipping-inbox-${options.run}`;
    this.#shipping = createShipping({
      database: options.document,
      shipmentsTable: this.#shipmentsTable,
      inboxTable: this.#inboxTable,
      name: `demo-shipping-${options.run}`,
      telemetry: {
        ...SILENT,
        applied: () => (this.#applied += 1),
        duplicateIgnored: () => (this.#ignored += 1),
      },
    });
  }

  /** Resolves when it consumes. Skips the messages that an earlier run has left on the topic. */
  static async start(options: ReadModelOptions): Promise<ReadModel> {
    const model = new ReadModel(options);
    const { client, brokers, topic } = options;
    try {
      await createTable(client, model.#shipmentsTable, ['orderId']);
      await createInboxTable(client, model.#inboxTable);
      const kafka = new Kafka({ clientId: 'demo-shipping', brokers: [...brokers], logLevel: logLevel.NOTHING });
      await beginAtEnd(kafka, model.#shipping.consumer.name, topic);
      model.#running = await runConsumer({ consumer: model.#shipping.consumer, kafka, topics: [topic] });
      return model;
    } catch (error) {
      // The caller must get the first error; `stop` fails too if a table does not exist yet.
      await model.stop().catch(() => undefined);
      throw error;
    }
  }

  /** Number of events that are committed to the read model. */
  get applied(): number {
    return this.#applied;
  }

  /** Number of deliveries of events that were applied before. */
  get ignored(): number {
    return this.#ignored;
  }

  /** Waits until the read model shows a write, and reads it. Never rejects. */
  async readOwnWrite(token: ConsistencyToken, committedAt: number): Promise<OwnRead> {
    const { key: orderId } = token;
    const version = Number(token.position);
    const { signal } = this.#options;
    try {
      await this.#shipping.consumer.waitUntilApplied(token, { timeoutMs: READ_TIMEOUT_MS, signal });
      const shipment = await this.#shipping.shipment(orderId);
      // Later commands may have changed the order meanwhile.
      const shown = shipment !== undefined && shipment.version >= version;
      return { orderId, version, shown, status: shipment?.status ?? 'unknown', afterMs: Date.now() - committedAt };
    } catch (error) {
      const status = error instanceof Error ? error.message : String(error);
      return { orderId, version, shown: false, status, afterMs: Date.now() - committedAt };
    }
  }

  /** All rows of the read model. */
  async shipments(): Promise<ShipmentState[]> {
    const rows: ShipmentState[] = [];
    let from: Record<string, unknown> | undefined;
    do {
      const page = await this.#options.document.scan({
        TableName: this.#shipmentsTable,
        ConsistentRead: true,
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      });
      rows.push(...shipmentRow.array().parse(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return rows;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    await dropTable(this.#options.client, this.#shipmentsTable);
    await dropTable(this.#options.client, this.#inboxTable);
  }
}

async function beginAtEnd(kafka: Kafka, groupId: string, topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.setOffsets({
      groupId,
      topic,
      partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
    });
  } finally {
    await admin.disconnect();
  }
}
