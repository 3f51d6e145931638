import type { Environment } from '../../event/environment';
import { kafkaClient } from '../../kafka/client';
import { secretReader } from '../../kafka/secrets';
import { decodeConsumerConfig, type ConsumerConfig } from '../environment';
import { kafkajsDeadLetters, type KafkaDeadLetters } from '../kafkajs/dead-letters';

/** Of one request for a dead letter. */
const REQUEST_TIMEOUT_MS = 4_000;

/** What the construct `OutboxConsumer` tells its function. */
export interface ConsumerEnvironment {
  /** For `createConsumer`. */
  readonly name: string;
  /** The table of the inbox, for `createConsumer`. */
  readonly tableName: string;
  /**
   * For `handleKafkaEvent`. It logs in as the construct says, with the first dead letter: a consumer without any never
   * connects. Secrets are read anew after each dead letter that failed.
   */
  readonly deadLetters: KafkaDeadLetters;
}

/**
 * Reads what the construct `OutboxConsumer` has set.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 * @example
 * ```ts
 * const { name, tableName, deadLetters } = consumerEnvironment();
 * const consumer = createConsumer({ name, tableName, client, events, handlers });
 * export const handler = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true });
 * ```
 */
export function consumerEnvironment(environment: Environment = process.env): ConsumerEnvironment {
  const config = decodeConsumerConfig(environment);
  return { name: config.name, tableName: config.tableName, deadLetters: deadLettersOnDemand(connector(config)) };
}

function connector({ name, brokers, auth }: ConsumerConfig): () => Promise<KafkaDeadLetters> {
  const connect = kafkaClient({ name, auth, requestTimeoutMs: REQUEST_TIMEOUT_MS }, secretReader());
  return async () => kafkajsDeadLetters({ kafka: await connect(brokers), consumer: name });
}

/** Makes dead letters with the first one, and anew after one that failed. */
export function deadLettersOnDemand(make: () => Promise<KafkaDeadLetters>): KafkaDeadLetters {
  let current: Promise<KafkaDeadLetters> | undefined;
  const discard = (made: Promise<KafkaDeadLetters>): void => {
    if (current === made) current = undefined;
    // What others are still sending by it ends as it would have; nobody waits for the goodbye.
    void made.then((deadLetters) => deadLetters.close()).catch(() => undefined);
  };
  return {
    async send(record, aside) {
      const made = (current ??= make());
      try {
        await (await made).send(record, aside);
      } catch (error) {
        discard(made);
        throw error;
      }
    },
    async close() {
      const made = current;
      current = undefined;
      // One that could not connect has told the sender, and has nothing to close.
      await made?.then((deadLetters) => deadLetters.close()).catch(() => undefined);
    },
  };
}
