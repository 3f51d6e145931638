import { UpdateItemCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ifConditionHolds } from '../dynamodb/refusals';
import { storedReceipts } from '../event/receipt';
import { dynamoDbStores } from '../relay/dynamodb/stores';
import { RELAY_DEFAULTS, REPLICATION_WAIT_MS, type Order } from '../relay/environment';
import { relayOptionsOf } from '../relay/options';
import type { Clock, Mark, Publisher, Telemetry } from '../relay/ports';
import type { StreamRecord } from '../relay/record';
import { createRelay, type Relay } from '../relay/relay';
import { reportedTelemetry, tracedPublisher } from '../relay/telemetry-channels';
import type { Insert } from './dynamodb/memory-dynamodb';

export interface MemoryRelayOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly publisher: Publisher;
  readonly order: Order;
  readonly clock: Clock;
}

export interface RelayRun {
  /** Events that Kafka acknowledged. */
  published: number;
  /** Items that Kafka refused. */
  parked: number;
}

const BATCH = 100;
/** The remaining time at the start of an invocation with a long timeout. */
const INVOCATION_MS = 600_000;

/** The real relay and its stores, over a table in memory. `insert` collects the records for its invocations. */
export class MemoryRelay {
  readonly #relay: Relay;
  readonly #records: StreamRecord[] = [];
  readonly #tableName: string;
  readonly #clock: Clock;
  #inserts = 0;
  #run: RelayRun = { published: 0, parked: 0 };
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ client, tableName, publisher, order, clock }: MemoryRelayOptions) {
    this.#tableName = tableName;
    this.#clock = clock;
    const stores = dynamoDbStores(client, { ...RELAY_DEFAULTS, tableName }, clock);
    this.#relay = createRelay(
      {
        publisher: tracedPublisher(tableName, publisher),
        ...stores,
        items: { ...stores.items, mark: (marks) => markAll(client, tableName, marks, clock) },
        telemetry: reportedTelemetry(tableName, this.#telemetry()),
        clock,
      },
      {
        ...relayOptionsOf({ ...RELAY_DEFAULTS, order }),
        // A missing version stands for one that is still being written, because transactions in memory never overlap.
        replicationWaitMs: REPLICATION_WAIT_MS,
      },
    );
  }

  /** Adds the stream record of an insert, for the next run. Only the outbox table has a stream. */
  insert({ table, key, item }: Insert): void {
    if (table !== this.#tableName) return;
    this.#records.push({
      eventName: 'INSERT',
      dynamodb: {
        ApproximateCreationDateTime: Math.floor(this.#clock.now() / 1000),
        SequenceNumber: String(++this.#inserts),
        Keys: key,
        NewImage: item,
      },
    });
  }

  /** Handles the records in order, until none is left or one must wait. A second call waits for the first. */
  run(): Promise<RelayRun> {
    const run = this.#turn.then(() => this.#handleAll());
    this.#turn = run.catch(() => undefined);
    return run;
  }

  async #handleAll(): Promise<RelayRun> {
    this.#run = { published: 0, parked: 0 };
    while (this.#records.length > 0) {
      const batch = this.#records.slice(0, BATCH);
      const failed = await this.#relay.handle(batch, () => INVOCATION_MS);
      this.#records.splice(0, failed ?? batch.length);
      // Lambda would redeliver the record at once; here the next run does.
      if (failed === 0) break;
    }
    return this.#run;
  }

  #telemetry(): Telemetry {
    const counted: Partial<Telemetry> = {
      published: ({ latencyMs }) => (this.#run.published += latencyMs.length),
      parked: () => this.#run.parked++,
    };
    // Every other method does nothing.
    return new Proxy(counted, {
      get: (target, name): unknown => Reflect.get(target, name) ?? (() => undefined),
    }) as Telemetry;
  }
}

/** Marks one item at a time, because the relay's batches of PartiQL are not simulated. */
async function markAll(
  client: DynamoDBClient,
  tableName: string,
  marks: readonly Mark[],
  clock: Clock,
): Promise<ReadonlyMap<Mark, unknown>> {
  const failures = new Map<Mark, unknown>();
  for (const mark of marks) {
    try {
      const update = new UpdateItemCommand({ TableName: tableName, ...markOf(mark, clock.now()) });
      // If the condition fails, the item was deleted or replaced at its position, so it is left alone.
      await ifConditionHolds(client.send(update));
    } catch (cause) {
      failures.set(mark, cause);
    }
  }
  return failures;
}

function markOf({ pk, sk, id, receipts }: Mark, nowMs: number) {
  const values: Record<string, AttributeValue> = {
    ':id': { S: id },
    ':at': { N: String(nowMs) },
    ':receipts': storedReceipts(receipts),
    ':expiresAt': { N: String(Math.ceil(nowMs / 1000) + RELAY_DEFAULTS.retentionSeconds) },
  };
  return {
    Key: { pk: { S: pk }, sk: { S: sk } },
    UpdateExpression: 'SET processedAt = :at, receipts = :receipts, expiresAt = :expiresAt',
    ConditionExpression: 'id = :id',
    ExpressionAttributeValues: values,
  };
}
