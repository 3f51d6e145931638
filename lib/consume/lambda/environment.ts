import type { Environment } from '../../event/environment';
import { kafkaClient } from '../../kafka/client';
import { secretReader } from '../../kafka/secrets';
import { decodeConsumerConfig, type ConsumerConfig } from '../environment';
import { kafkajsDeadLetters, type KafkaDeadLetters } from '../kafkajs/dead-letters';

/** The limit of one request for a dead letter. */
const REQUEST_TIMEOUT_MS = 4_000;

/** The configuration that the construct `OutboxConsumer` gives to its function. */
export interface ConsumerEnvironment {
  /** For `createConsumer`. */
  readonly name: string;
  /** The table of the inbox, for `createConsumer`. */
  readonly tableName: string;
  /**
   * For `handleKafkaEvent`. It connects with the first dead letter, with the construct's authentication. Secrets are
   * read again after each dead letter that failed.
   */
  readonly deadLetters: KafkaDeadLetters;
}

/**
 * Reads the configuration that the construct `OutboxConsumer` has set.
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

/** Connects with the first dead letter, and again after one that failed. */
export function deadLettersOnDemand(make: () => Promise<KafkaDeadLetters>): KafkaDeadLetters {
  let current: Promise<KafkaDeadLetters> | undefined;
  const discard = (made: Promise<KafkaDeadLetters>): void => {
    if (current === made) current = undefined;
    // `close` lets other sends in flight end, within its time limit. The caller does not wait for that.
    void made.then((deadLetters) => deadLetters.close()).catch(() => undefined);
  };
  return {
    async send(record, note) {
      const made = (current ??= make());
      try {
        await (await made).send(record, note);
      } catch (error) {
        discard(made);
        throw error;
      }
    },
    async close() {
      const made = current;
      current = undefined;
      // If it could not connect, the sender has the error, and there is nothing to close.
      await made?.then((deadLetters) => deadLetters.close()).catch(() => undefined);
    },
  };
}
