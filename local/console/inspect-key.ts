import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  explain,
  explainKafka,
  parkedKeys,
  show,
  type KeyExplanation,
  type ParkedKey,
  type ShownKey,
} from '../../lib/operator';
import { messageOf } from '../../lib/event/errors';
import { withinTime } from '../../lib/timing/within-time';
import type { Stack } from '../stack';
import type { ConsoleConsumer } from './actions';

export interface Inspector {
  readonly stack: Stack;
  readonly client: DynamoDBClient;
  readonly consumers: readonly ConsoleConsumer[];
}

/** Everything that table, Kafka and consumers hold of a key. */
export interface InspectedKey {
  readonly shown: ShownKey;
  readonly explanation?: KeyExplanation;
  readonly parked: readonly (ParkedKey & { readonly consumer: string })[];
  /** Why Kafka or a consumer could not be read. */
  readonly unread: readonly string[];
}

/** A page waits for it, so a cluster that does not respond must not hold it up for long. */
const KAFKA_TIMEOUT_MS = 3_000;

/** Reads a key. A cluster that cannot be reached is named in `unread`; the table is shown all the same. */
export async function inspectKey({ stack, client, consumers }: Inspector, key: string): Promise<InspectedKey> {
  const outbox = { client, tableName: stack.tableName };
  const unread: string[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      unread.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const shown = await show(outbox, key);
  const explanation = await attempt('Kafka', async () => {
    const kafka = await withinTime(() => explainKafka({ brokers: stack.brokers, auth: { kind: 'none' } }), {
      ms: KAFKA_TIMEOUT_MS,
      onTimeout: () => new Error(`no response within ${KAFKA_TIMEOUT_MS / 1_000} s`),
    });
    try {
      const { keys } = await explain(outbox, key, { kafka, named: consumers });
      return keys[0];
    } finally {
      await kafka.close();
    }
  });
  const parked = await Promise.all(
    consumers.map(async ({ consumer, inbox }) => {
      const found = await attempt(consumer, () => parkedKeys({ client, tableName: inbox }, { consumer, keys: [key] }));
      return (found ?? []).map((each) => ({ ...each, consumer }));
    }),
  );
  return { shown, explanation, parked: parked.flat(), unread };
}
