import type { Admin, Consumer, Kafka } from 'kafkajs';
import type { KafkaAuth } from '../kafka/broker-config';
import { kafkaClient } from '../kafka/client';
import { secretReader, type ReadSecret } from '../kafka/secrets';
import { atMost } from '../timing/wait';
import type { ServiceCall } from './target';

/** The Kafka cluster that the relay publishes to, and how to log in. */
export interface KafkaTarget {
  readonly brokers: readonly string[];
  readonly auth: KafkaAuth;
  /** Region of the MSK cluster, for IAM. Default: `AWS_REGION`. */
  readonly region?: string;
  /** Default: reads from AWS Secrets Manager. */
  readonly readSecret?: ReadSecret;
}

/** A long timeout is acceptable: only the operator waits. */
const REQUEST_TIMEOUT_MS = 30_000;
const DISCONNECT_MS = 10_000;

/** A client that reads topics for `outbox verify` and similar commands. */
export function connectKafka({ brokers, auth, region, readSecret = secretReader() }: KafkaTarget): Promise<Kafka> {
  const config = { auth, requestTimeoutMs: REQUEST_TIMEOUT_MS, name: 'verify' };
  return kafkaClient(config, readSecret, { region })(brokers);
}

/** A failed or slow disconnect must neither fail the command nor block it. */
export async function disconnect(client: Admin | Consumer): Promise<void> {
  await atMost(
    DISCONNECT_MS,
    client.disconnect().catch(() => undefined),
  );
}

export const atBrokers = (brokers: readonly string[], action: string): ServiceCall => ({
  service: 'Kafka',
  place: `brokers ${brokers.join(',')}`,
  action,
});
