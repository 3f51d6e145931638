// Measures a consumer: the library's, or one of kafkajs alone that does the same writes without an inbox.
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { Kafka, logLevel, type EachBatchPayload, type KafkaMessage } from 'kafkajs';
import { z } from 'zod';
import { createConsumer, defineEvents, runConsumer } from '../../lib/consumer';
import { SILENT } from '../../lib/consume/telemetry';
import { CONSUMER_DEFAULTS } from '../../lib/consume/settings';
import { registerCodecs } from '../../lib/kafka/codecs/codecs';

/** `bare`: kafkajs alone. `single`: the library, a transaction for each event. `grouped`: the library by default. */
export type ConsumerSubject = 'bare' | 'single' | 'grouped';

export interface ConsumerAssignment {
  readonly subject: ConsumerSubject;
  readonly brokers: readonly string[];
  readonly dynamodbEndpoint: string;
  readonly topic: string;
  readonly group: string;
  /** Number of events before the clock starts. */
  readonly warmup: number;
  /** Number of timed events; those of `slowKey` do not count. */
  readonly events: number;
  readonly slowKey?: { readonly key: string; readonly ms: number };
}

export interface ConsumerMeasurement {
  readonly kind: 'measured';
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  /** From the commit to the effect, of each timed event. */
  readonly latenciesMs: readonly number[];
}

/** A message of the child: that it has joined its group, or its measurement. */
export type ConsumerMessage = { readonly kind: 'joined' } | ConsumerMeasurement;

const tell = (message: ConsumerMessage): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(message, undefined, {}, () => resolve());
  });

/** Starts the clock after the warm-up and stops it with the last event. */
class Watch {
  readonly #assignment: ConsumerAssignment;
  readonly #end = Promise.withResolvers<ConsumerMeasurement>();
  readonly #latenciesMs: number[] = [];
  #seen = 0;
  #startedAt = performance.now();
  #cpuBefore = process.cpuUsage();

  constructor(assignment: ConsumerAssignment) {
    this.#assignment = assignment;
  }

  get measured(): Promise<ConsumerMeasurement> {
    return this.#end.promise;
  }

  /** Records that the effect of an event is written. */
  applied(key: string, committedAt: number): void {
    const { warmup, events, slowKey } = this.#assignment;
    if (key === slowKey?.key) return;
    this.#seen++;
    if (this.#seen > warmup) this.#latenciesMs.push(Date.now() - committedAt);
    if (this.#seen === warmup) {
      this.#startedAt = performance.now();
      this.#cpuBefore = process.cpuUsage();
    }
    if (this.#seen !== warmup + events) return;
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    this.#end.resolve({
      kind: 'measured',
      wallMs: performance.now() - this.#startedAt,
      cpuMs: (user + system) / 1000,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      latenciesMs: this.#latenciesMs,
    });
  }
}

interface Order {
  readonly orderId: string;
  readonly total: number;
}

/** The write for an event, with the library and with kafkajs alone. */
const effectOf = (key: string, { orderId, total }: Order) => ({
  TableName: 'read-model',
  Key: { id: key },
  UpdateExpression: 'SET orderId = :orderId ADD total :total',
  ExpressionAttributeValues: { ':orderId': orderId, ':total': total },
});

type Stop = () => Promise<void>;

async function runLibrary(assignment: ConsumerAssignment, kafka: Kafka, watch: Watch): Promise<Stop> {
  const { subject, group, topic, slowKey } = assignment;
  const consumer = createConsumer({
    name: group,
    tableName: 'inbox',
    client: documentClient(assignment),
    events: defineEvents({
      'order.placed': { schema: z.looseObject({ orderId: z.string(), total: z.number() }), topic: 'orders' },
    }),
    handlers: {
      'order.placed': async ({ data }, { key }) => {
        if (key === slowKey?.key) await sleep(slowKey.ms);
        return [{ Update: effectOf(key, data) }];
      },
    },
    ...(subject === 'single' ? { eventsPerTransaction: 1 } : {}),
    telemetry: { ...SILENT, applied: ({ key, time = '' }) => watch.applied(key, Date.parse(time)) },
  });
  const running = await runConsumer({ consumer, kafka, topics: [topic], drainTimeoutMs: 1_000 });
  return () => running.stop();
}

/** Consumes at least once and in order per key, with as many keys of a partition at once as the library's default. */
async function runBare(assignment: ConsumerAssignment, kafka: Kafka, watch: Watch): Promise<Stop> {
  const { group, topic } = assignment;
  const document = documentClient(assignment);
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 500, allowAutoTopicCreation: false });
  const handle = async ({ key, value, headers }: KafkaMessage): Promise<void> => {
    const name = String(key);
    await document.update(effectOf(name, JSON.parse(String(value)) as Order));
    watch.applied(name, Date.parse(String(headers?.['ce_time'])));
  };
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: 12,
    // kafkajs commits a batch when all of it is done.
    eachBatch: async ({ batch: { messages } }: EachBatchPayload) => {
      const byKey = [...Map.groupBy(messages, ({ key }) => String(key)).values()].values();
      const lane = async (): Promise<void> => {
        for (const ofKey of byKey) for (const message of ofKey) await handle(message);
      };
      await Promise.all(Array.from({ length: CONSUMER_DEFAULTS.concurrency }, lane));
    },
  });
  return () => consumer.disconnect();
}

const documentClient = ({ dynamodbEndpoint: endpoint }: ConsumerAssignment): DynamoDBDocument =>
  DynamoDBDocument.from(
    new DynamoDBClient({
      ...{ endpoint, region: 'eu-west-1' },
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      // No request waits for a connection: the SDK's own limit is 50.
      requestHandler: { httpAgent: { maxSockets: 500 } },
    }),
  );

async function measure(assignment: ConsumerAssignment): Promise<void> {
  registerCodecs();
  const kafka = new Kafka({ clientId: 'bench', brokers: [...assignment.brokers], logLevel: logLevel.NOTHING });
  const watch = new Watch(assignment);
  const stop = await (assignment.subject === 'bare' ? runBare : runLibrary)(assignment, kafka, watch);
  await tell({ kind: 'joined' });
  const measurement = await watch.measured;
  await stop();
  await tell(measurement);
  process.exit(0);
}

// The bench has ended, and this process must not outlive it.
process.once('disconnect', () => process.exit());
process.once('message', (assignment) => {
  measure(assignment as ConsumerAssignment).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
