import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { Kafka, logLevel } from 'kafkajs';
import { createOutbox, type TransactionAction } from '../../../lib';
import { createConsumer, runConsumer, type EventContext, type RunningConsumer } from '../../../lib/consumer';
import { SILENT } from '../../../lib/consume/telemetry';
import { silenceTimerWarning } from '../../../lib/kafka/timer-warning';
import { AGGREGATE, consumed, CONSUMERS, emitted, REQUEST_LIMITS, TABLE, type ConsumerName } from '../world/load';
import type { ConsumerProcessOptions } from './consumer-options';

/**
 * An effect of its own each time: two effects of an event are two items. Those of a key are in one shard of the table's
 * stream, which so has their order.
 */
const effect = (consumer: string, id: string, { topic, key }: EventContext): TransactionAction => ({
  Put: {
    TableName: TABLE.effects,
    Item: { pk: `${consumer} ${topic} ${key}`, sk: `${id} ${randomUUID()}`, consumer, event: id },
  },
});

/** One instance of each of the two consumers. */
class Consumers {
  readonly #options: ConsumerProcessOptions;
  readonly #kafka: Kafka;
  readonly #running: RunningConsumer[] = [];

  constructor(options: ConsumerProcessOptions) {
    this.#options = options;
    this.#kafka = new Kafka({
      ...{ clientId: 'consumer', brokers: [...options.brokers], logLevel: logLevel.NOTHING },
      retry: { retries: 60, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
  }

  async run(): Promise<void> {
    const common = {
      ...{
        tableName: TABLE.inbox,
        client: this.#client(),
        telemetry: SILENT,
        events: consumed(this.#options.isLatest),
      },
      // A wrong deployment that makes many events unreadable is not what a run shows.
      ...{ redriveIntervalMs: 1_000, maxUnreadableKeys: 100_000, attempts: 2 },
    };
    const ledger = createConsumer({
      ...{ ...common, name: 'ledger' },
      handlers: {
        'order.placed': ({ id }, context) => [effect('ledger', id, context)],
        'order.paid': ({ id }, context) => [effect('ledger', id, context)],
      },
    });
    const confirmer = createConsumer({
      ...{ ...common, name: 'confirmer' },
      outbox: createOutbox({
        ...{ tableName: this.#options.outboxTable, service: 'confirmer', region: this.#options.region },
        events: emitted,
      }),
      handlers: {
        'order.placed': ({ id }, context) => {
          context.emit({ aggregate: AGGREGATE.emitted, key: context.key }, [
            { type: 'order.confirmed', data: { n: 1 } },
          ]);
          return [effect('confirmer', id, context)];
        },
      },
    });
    const byName: Readonly<Record<ConsumerName, typeof ledger>> = { ledger, confirmer };
    for (const { name, topics } of CONSUMERS) {
      const running = await runConsumer({
        ...{ consumer: byName[name], kafka: this.#kafka, topics: [...topics], commitIntervalMs: 500 },
        kafkaConsumer: { maxWaitTimeInMs: 200, heartbeatInterval: 500, sessionTimeout: 6_000, metadataMaxAge: 10_000 },
      });
      this.#running.push(running);
      // It ends by itself only after a fault that no retry repairs; the parent starts another process.
      void running.done.catch((error: unknown) => {
        console.error(error);
        process.exit(1);
      });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop()));
  }

  #client(): DynamoDBDocument {
    const config = { ...this.#options.clientConfig, maxAttempts: 1, requestHandler: REQUEST_LIMITS };
    return DynamoDBDocument.from(new DynamoDBClient(config));
  }
}

silenceTimerWarning();
const consumers = new Consumers(JSON.parse(process.argv[2] ?? '{}') as ConsumerProcessOptions);
process.on('SIGTERM', () => void consumers.stop().finally(() => process.exit()));
void consumers.run();
