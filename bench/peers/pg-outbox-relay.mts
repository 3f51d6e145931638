// The relay that a service writes with pg-transactional-outbox: it sends each message by kafkajs. An ES module without types to transform, so that Node.js runs this file without a loader.
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The parts of the packages that the relay uses; they belong to the peers, not to this project. */
interface Producer {
  connect(): Promise<void>;
  send(record: object): Promise<unknown>;
}
interface KafkaModule {
  readonly Kafka: new (options: object) => { producer(options: object): Producer };
  readonly logLevel: { readonly NOTHING: number };
}
interface Message {
  readonly id: string;
  readonly aggregateId: string;
  readonly messageType: string;
  readonly payload: unknown;
  readonly metadata?: { readonly topic: string };
}
type Initialize = (config: object, handler: object, logger: object, strategies?: object) => unknown;
interface OutboxModule {
  readonly getDisabledLogger: () => object;
  readonly initializeReplicationMessageListener: Initialize;
  readonly initializePollingMessageListener: Initialize;
  readonly createReplicationSegmentMutexConcurrencyController: () => object;
}

const variable = (name: string): string => process.env[name] ?? '';
const load = createRequire(join(variable('PEER_PACKAGES'), 'package.json'));
const { Kafka, logLevel } = load('kafkajs') as KafkaModule;
const outbox = load('pg-transactional-outbox') as OutboxModule;

const schema = variable('PEER_SCHEMA');
const kafka = new Kafka({
  clientId: schema,
  brokers: variable('PEER_BROKERS').split(','),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 100 },
});
const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false });
await producer.connect();

const handler = {
  handle: async ({ id, aggregateId, messageType, payload, metadata }: Message): Promise<void> => {
    await producer.send({
      topic: metadata?.topic,
      acks: -1,
      messages: [{ key: aggregateId, value: JSON.stringify(payload), headers: { id, ce_type: messageType } }],
    });
  },
};

const common = {
  dbSchema: schema,
  dbTable: 'outbox',
  // The library's defaults for an outbox: a message is tried until Kafka accepts it.
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
};
const config = {
  outboxOrInbox: 'outbox',
  dbListenerConfig: { connectionString: variable('PEER_CONNECTION') },
  dbHandlerConfig: { connectionString: variable('PEER_CONNECTION'), max: 32 },
};
if (variable('PEER_MODE') === 'polling') {
  outbox.initializePollingMessageListener(
    {
      ...config,
      settings: {
        ...common,
        nextMessagesFunctionSchema: schema,
        nextMessagesFunctionName: 'next_outbox_messages',
        nextMessagesBatchSize: 100,
        nextMessagesPollingIntervalInMs: 50,
      },
    },
    handler,
    outbox.getDisabledLogger(),
  );
} else {
  const isSequential = variable('PEER_MODE') === 'replication';
  outbox.initializeReplicationMessageListener(
    {
      ...config,
      settings: { ...common, dbPublication: schema, dbReplicationSlot: schema, restartDelaySlotInUseInMs: 500 },
    },
    handler,
    outbox.getDisabledLogger(),
    // By default one message after the other; else those of different keys do not wait for each other.
    isSequential ? {} : { concurrencyStrategy: outbox.createReplicationSegmentMutexConcurrencyController() },
  );
}
