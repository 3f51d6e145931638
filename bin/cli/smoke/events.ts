import { DeleteItemCommand, ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { createOutbox, defineEvents } from '../../../lib';
import { show, type ShownKey } from '../../../lib/operate/show';
import type { OutboxTarget } from '../../../lib/operate/target';

/** Smoke tests have an aggregate of their own: no key of a service begins with it. */
export const AGGREGATE = 'outbox-smoke';
export const KEYS = 10;
export const EVENTS_PER_KEY = 10;
/** This topic must not exist, so that an event for it is refused and parked. */
export const ABSENT_TOPIC = 'outbox-smoke-absent';

/** Accepts any data: only smoke tests write it. */
const schema = {
  '~standard': {
    version: 1,
    vendor: 'outbox',
    validate: (value: unknown) => ({ value }),
    types: undefined as { readonly input: SmokeData; readonly output: SmokeData } | undefined,
  },
} as const;

interface SmokeData {
  readonly run: string;
  readonly at: number;
}

/** The keys of one run, and functions that write its events with the package's own writer, as a service does. */
export interface SmokeEvents {
  readonly run: string;
  readonly keys: readonly string[];
  readonly parkedKey: string;
  /** Commits the first event of the first key alone: if the topic is wrong, no more than one key is held. */
  writeFirst(): Promise<void>;
  /** Commits the other events of `keys`, those of a key one after the other. */
  writeRest(onWritten: (events: number) => void): Promise<void>;
  /** Commits one event that Kafka will refuse, and one that waits behind it. */
  writeParked(): Promise<void>;
  read(pk: string): Promise<ShownKey>;
}

export function smokeEvents(
  target: OutboxTarget,
  { run, topic, region }: { run: string; topic: string; region: string },
) {
  const events = defineEvents({
    'outbox.smoke': { schema, topic },
    'outbox.smoke-parked': { schema, topic: ABSENT_TOPIC },
  });
  const outbox = createOutbox({ tableName: target.tableName, service: AGGREGATE, region, events });
  const client = DynamoDBDocument.from(target.client);
  const put = async (key: string, version: number, type: 'outbox.smoke' | 'outbox.smoke-parked'): Promise<void> => {
    const changes = [{ aggregate: AGGREGATE, key, version, events: [{ type, data: { run, at: version } }] }];
    await outbox.transact(client, { changes });
  };
  const keys = Array.from({ length: KEYS }, (_, at) => `${run}-${at + 1}`);
  const parkedKey = `${run}-parked`;
  return {
    run,
    keys: keys.map((key) => `${AGGREGATE}#${key}`),
    parkedKey: `${AGGREGATE}#${parkedKey}`,
    writeFirst: () => put(`${run}-1`, 1, 'outbox.smoke'),
    async writeRest(onWritten) {
      let written = 1;
      const writeKey = async (key: string, at: number): Promise<void> => {
        for (let version = at === 0 ? 2 : 1; version <= EVENTS_PER_KEY; version++) {
          await put(key, version, 'outbox.smoke');
          onWritten(++written);
        }
      };
      await Promise.all(keys.map(writeKey));
    },
    async writeParked() {
      await put(parkedKey, 1, 'outbox.smoke-parked');
      await put(parkedKey, 2, 'outbox.smoke');
    },
    read: (pk) => show(target, pk),
  } satisfies SmokeEvents;
}

/** Deletes the processed and discarded items of a key, and returns how many. */
export async function removeDone({ client, tableName }: OutboxTarget, { pk, items }: ShownKey): Promise<number> {
  let removed = 0;
  for (const { position, state } of items) {
    if (state !== 'processed' && state !== 'discarded') continue;
    try {
      await client.send(
        new DeleteItemCommand({
          TableName: tableName,
          Key: { pk: { S: pk }, sk: { S: position } },
          ConditionExpression: 'attribute_exists(processedAt) OR attribute_exists(discarded)',
        }),
      );
      removed++;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
  return removed;
}
