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
      unread.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const shown = await show(outbox, key);
  const explanation = await attempt('Kafka', async () => {
    const kafka = await within(KAFKA_TIMEOUT_MS, explainKafka({ brokers: stack.brokers, auth: { kind: 'none' } }));
    try {
      const { keys } = await explain(outbox, key, { kafka, named: consumers });
      return keys[0];
    } finally {
      await kafka.close();
    }
  });
  const parked = await Promise.all(
    consumers.map(async ({ consumer, inbox }) => {
      const name = key.split('#').at(-1) ?? key;
      const found = await attempt(consumer, () => parkedKeys({ client, tableName: inbox }, { consumer, keys: [name] }));
      return (found ?? []).map((each) => ({ ...each, consumer }));
    }),
  );
  return { shown, explanation, parked: parked.flat(), unread };
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no response within ${timeoutMs / 1_000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
