import { CreateTableCommand, DeleteTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, paginateScan } from '@aws-sdk/lib-dynamodb';
import { runConsumer, type ConsistencyToken } from '../../lib/consumer';
import { SILENT } from '../../lib/consume/telemetry';
import { messageOf } from '../../lib/event/errors';
import { createInboxTable } from '../../lib/operator';
import { adminClient, withAdmin } from '../../local/kafka/topics';
import { createShipping, shipmentRow, type Shipment } from '../order-service/shipping';
import type { OwnRead } from './record';

/** Receives each step that undoes a part of a start; they run in reverse order. */
export type Undo = (step: () => Promise<unknown>) => void;

export interface ReadModelOptions {
  readonly brokers: readonly string[];
  readonly client: DynamoDBClient;
  /** Part of the names of tables and group, so that several runs can share servers. */
  readonly run: string;
  /** The topic that shipping reads. */
  readonly topic: string;
  readonly signal: AbortSignal;
  readonly undo: Undo;
}

const READ_TIMEOUT_MS = 30_000;

/** Runs shipping's read model, as another team would: a consumer of the topic with tables of its own. */
export async function startReadModel({ brokers, client, run, topic, signal, undo }: ReadModelOptions) {
  const database = DynamoDBDocument.from(client);
  const [shipmentsTable, inboxTable, name] = [`shipments-${run}`, `shipping-inbox-${run}`, `demo-shipping-${run}`];
  const counts = { applied: 0, ignored: 0 };
  const telemetry = {
    ...SILENT,
    applied: () => (counts.applied += 1),
    duplicateIgnored: () => (counts.ignored += 1),
  };
  const shipping = createShipping({ database, shipmentsTable, inboxTable, name, telemetry });
  const { consumer } = shipping;
  await createTable(client, shipmentsTable, 'orderId', undo);
  await createInboxTable(client, inboxTable);
  undo(() => client.send(new DeleteTableCommand({ TableName: inboxTable })));
  // Skips the messages that an earlier run has left on the topic.
  await withAdmin(brokers, async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
    await admin.setOffsets({ groupId: name, topic, partitions });
  });
  const running = await runConsumer({ consumer, kafka: adminClient(brokers), topics: [topic] });
  undo(() => running.stop());
  return {
    counts: counts as Readonly<typeof counts>,

    /** Waits until the read model shows a write, and reads it. Never rejects. */
    async readOwnWrite(token: ConsistencyToken, committedAt: number): Promise<OwnRead> {
      const { key: orderId, position } = token;
      const wanted = Number(position);
      const read = async (): Promise<Pick<OwnRead, 'shown' | 'status'>> => {
        await consumer.waitUntilApplied(token, { timeoutMs: READ_TIMEOUT_MS, signal });
        const { version = 0, status = 'unknown' } = (await shipping.shipment(orderId)) ?? {};
        // Later commands may have changed the order meanwhile.
        return { shown: version >= wanted, status };
      };
      const found = await read().catch((error: unknown) => ({ shown: false, status: messageOf(error) }));
      return { orderId, version: wanted, ...found, afterMs: Date.now() - committedAt };
    },

    /** All rows of the read model. */
    async shipments(): Promise<Shipment[]> {
      const rows: Shipment[] = [];
      for await (const page of paginateScan({ client: database }, { TableName: shipmentsTable, ConsistentRead: true }))
        rows.push(...shipmentRow.array().parse(page.Items ?? []));
      return rows;
    },
  };
}

/** Creates a table for a service, with one string key. The outbox does not know it. */
export async function createTable(client: DynamoDBClient, tableName: string, key: string, undo: Undo): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
      KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
    }),
  );
  undo(() => client.send(new DeleteTableCommand({ TableName: tableName })));
}
