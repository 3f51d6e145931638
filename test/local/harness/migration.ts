import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConditionalCheckFailedException, CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import { OutboxError, type TransactionAction } from '../../../lib';
import { BUSINESS_TABLE, Committed, createBusinessTable, until, type World } from './world';

/** The outbox that the service has had so far: a row for each event, until its publisher has sent it. */
const OLD_OUTBOX = 'old-outbox';
/** The business table of the old code, if the business data moves too. */
export const OLD_BUSINESS_TABLE = 'old-business';
const TOPIC = 'orders';
/** A header of the old publisher alone, so that a test can distinguish the two. */
export const SENT_BY = 'sent-by';

export async function createOldTables({ client }: World): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: OLD_OUTBOX,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'key', AttributeType: 'S' },
        { AttributeName: 'version', AttributeType: 'N' },
      ],
      KeySchema: [
        { AttributeName: 'key', KeyType: 'HASH' },
        { AttributeName: 'version', KeyType: 'RANGE' },
      ],
    }),
  );
  await createBusinessTable(client, OLD_BUSINESS_TABLE);
}

interface Row {
  readonly key: string;
  readonly version: number;
  readonly id: string;
  readonly time: string;
}

/** Consistent, and the oldest first: a key's rows are in the order of their versions. */
async function rowsOfOldOutbox({ document }: World): Promise<Row[]> {
  const { Items = [] } = await document.scan({ TableName: OLD_OUTBOX, ConsistentRead: true });
  return (Items as Row[]).toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** Resolves when all rows of this moment are sent: later ones do not count, because the service goes on writing. */
export async function oldPublisherCaughtUp(world: World): Promise<void> {
  const now = await rowsOfOldOutbox(world);
  await until('the rows of the old outbox', async () => {
    const left = new Set((await rowsOfOldOutbox(world)).map(({ id }) => id));
    return now.every(({ id }) => !left.has(id));
  });
}

/** The message of a row as docs/migrating.md asks for it: the identity that the relay gives the same event. */
const messageOf = ({ key, version, id, time }: Row): Message => ({
  key,
  value: JSON.stringify({ n: version }),
  headers: {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: '/shop/order',
    ce_type: 'order.changed',
    ce_time: time,
    ce_aggregate: 'order',
    ce_sequence: `${String(version).padStart(16, '0')}.0000`,
    ce_txevents: '1',
    'content-type': 'application/json',
    [SENT_BY]: 'old',
  },
});

export async function oldProducer({ stack }: World): Promise<Producer> {
  const kafka = new Kafka({ clientId: 'old', brokers: [...stack.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  return producer;
}

const ROWS_PER_POLL = 10;
const OLD_POLL_MS = 150;

/** Polls the old outbox, sends its rows to Kafka, and deletes the rows that were sent. */
export class PollingPublisher {
  readonly #world: World;
  readonly #producer: Producer;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #isDying = false;

  private constructor(world: World, producer: Producer) {
    this.#world = world;
    this.#producer = producer;
    this.#loop = this.#poll();
    // `stop` reports a failure.
    this.#loop.catch(() => undefined);
  }

  static async start(world: World): Promise<PollingPublisher> {
    return new PollingPublisher(world, await oldProducer(world));
  }

  /** Starts later than the call, so that a step that does not wait for it comes first. */
  static async startLate(world: World): Promise<PollingPublisher> {
    await sleep(BEHIND_MS);
    return PollingPublisher.start(world);
  }

  /** Resolves after the last send. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#producer.disconnect();
  }

  /** Ends after the next send and before the rows are deleted, as a process that dies there. */
  async die(): Promise<void> {
    this.#isDying = true;
    await this.#loop;
    await this.#producer.disconnect();
  }

  async #poll(): Promise<void> {
    const { document } = this.#world;
    while (!this.#stopping.signal.aborted) {
      const rows = (await rowsOfOldOutbox(this.#world)).slice(0, ROWS_PER_POLL);
      if (rows.length > 0) {
        await this.#producer.send({ topic: TOPIC, messages: rows.map(messageOf) });
        if (this.#isDying) return;
        const deletions = rows.map(({ key, version }) => ({ DeleteRequest: { Key: { key, version } } }));
        await document.batchWrite({ RequestItems: { [OLD_OUTBOX]: deletions } });
      }
      await sleep(OLD_POLL_MS);
    }
  }
}

/** How far a publisher is behind in these tests: much longer than the other one takes for an event. */
export const BEHIND_MS = 1_500;

/** How old the state of a key is by which an instance writes: another one may have written meanwhile. */
const STALE_MS = 20;

/** Where an instance of the service writes events: into outboxes, or straight to Kafka after the commit. */
type WritesTo = 'old' | 'both' | 'new' | 'kafka';

interface BusinessItem {
  readonly version: number;
  /** The ids of all events, by version from 1 on. */
  readonly ids: readonly string[];
  /** The other side writes the key: this one refuses. */
  readonly moved?: boolean;
}

async function readBusinessItem(
  { document }: World,
  TableName: string,
  id: string,
): Promise<BusinessItem & { readonly exists: boolean }> {
  const { Item } = await document.get({ TableName, Key: { id }, ConsistentRead: true });
  return { version: 0, ids: [], ...(Item as Partial<BusinessItem> | undefined), exists: Item !== undefined };
}

/** Another instance was faster, the key has moved, or DynamoDB Local did not respond in time. */
const EXPECTED = [
  ...(['condition-failed', 'version-conflict', 'transaction-conflict'] as const),
  ...(['throttled', 'outcome-unknown'] as const),
];

/** A service of two instances that write the same keys. */
export class Service {
  readonly keys: readonly string[];
  readonly #world: World;
  readonly #instances: { stop(): Promise<void> }[] = [];
  readonly #failures: unknown[] = [];
  /** The ids that a caller knows to be committed, by key and version. */
  readonly #acknowledged = new Map<string, string>();
  #producer: Promise<Producer> | undefined;
  #written = 0;

  constructor(world: World, keys: readonly string[]) {
    this.#world = world;
    this.keys = keys;
  }

  /**
   * Replaces one instance after the other, each when both had time to write every key. Resolves when no instance of the
   * former kind is left.
   */
  async deploy(to: WritesTo | 'where it is'): Promise<void> {
    for (const at of [0, 1]) {
      await this.#instances[at]?.stop();
      this.#instances[at] = this.#start(to);
      await this.writes(3 * this.keys.length);
    }
  }

  /** Resolves when so many more events are committed. */
  async writes(count: number): Promise<void> {
    const wanted = this.#written + count;
    await until(`${count} more events`, () => {
      if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'An instance has failed.');
      return this.#written >= wanted;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stop()));
    await (await this.#producer)?.disconnect();
    this.#producer = undefined;
  }

  /** Writes the key by the old code or by the new one, as the old database said a moment ago. */
  async writeWhereItIs(key: string, creator: 'old code' | 'new code' = 'old code'): Promise<void> {
    const old = await readBusinessItem(this.#world, OLD_BUSINESS_TABLE, key);
    await sleep(STALE_MS);
    if (!old.exists && creator === 'new code') await this.#reserve(key);
    else if (old.moved !== true) await this.write(key, 'old', OLD_BUSINESS_TABLE);
    else if (old.version === 0 || (await readBusinessItem(this.#world, BUSINESS_TABLE, key)).exists) {
      await this.write(key, 'new');
    }
  }

  /** Inserts a row that refuses writes: from then on, the new code creates the aggregate. */
  async #reserve(id: string): Promise<void> {
    try {
      await this.#world.document.put({
        TableName: OLD_BUSINESS_TABLE,
        Item: { id, moved: true },
        ConditionExpression: 'attribute_not_exists(id)',
      });
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  /** Commits the next version of a key with its event, if no other instance does. */
  async write(key: string, to: WritesTo, table = BUSINESS_TABLE): Promise<void> {
    const { document, outbox } = this.#world;
    const { version: known, ids } = await readBusinessItem(this.#world, table, key);
    await sleep(STALE_MS);
    const row: Row = { key, version: known + 1, id: randomUUID(), time: new Date().toISOString() };
    const actions: TransactionAction[] = [
      {
        Put: {
          TableName: table,
          Item: { id: key, version: row.version, ids: [...ids, row.id] },
          ConditionExpression:
            known === 0 ? 'attribute_not_exists(id)' : 'version = :known AND attribute_not_exists(moved)',
          ...(known === 0 ? {} : { ExpressionAttributeValues: { ':known': known } }),
        },
      },
      ...(to === 'old' || to === 'both' ? [{ Put: { TableName: OLD_OUTBOX, Item: { ...row } } }] : []),
    ];
    try {
      if (to === 'old' || to === 'kafka') await this.#commit(actions);
      else await outbox.transact(document, { actions, changes: [changeOf(row)] });
    } catch (error) {
      // The business item shows the next turn whether it was written.
      if (error instanceof OutboxError && EXPECTED.some((code) => error.is(code))) return;
      throw error;
    }
    this.#acknowledge(row);
    if (to === 'kafka') await this.#send(row);
  }

  /** The committed events, read from the business items: they know the outcome of each transaction. */
  async committed(): Promise<Committed> {
    const committed = new Committed();
    for (const key of this.keys) {
      const sides = await Promise.all(
        [BUSINESS_TABLE, OLD_BUSINESS_TABLE].map((table) => readBusinessItem(this.#world, table, key)),
      );
      const { ids } = sides.reduce((a, b) => (b.version > a.version ? b : a));
      for (const [at, id] of ids.entries()) committed.add(key, at + 1, [id]);
      for (const [at, id] of ids.entries()) {
        const known = this.#acknowledged.get(`${key} ${at + 1}`) ?? id;
        if (known !== id) throw new Error(`Version ${at + 1} of ${key} was committed, and is overwritten.`);
      }
      if (this.#acknowledged.has(`${key} ${ids.length + 1}`)) throw new Error(`The last version of ${key} is lost.`);
    }
    return committed;
  }

  #acknowledge({ key, version, id }: Row): void {
    const name = `${key} ${version}`;
    if (this.#acknowledged.has(name)) throw new Error(`Version ${version} of ${key} was committed twice.`);
    this.#acknowledged.set(name, id);
    this.#written++;
  }

  async #commit(actions: TransactionAction[]): Promise<void> {
    const { document, outbox } = this.#world;
    try {
      await document.transactWrite({ TransactItems: actions });
    } catch (error) {
      throw outbox.toOutboxError(error, actions);
    }
  }

  async #send(row: Row): Promise<void> {
    const producer = await (this.#producer ??= oldProducer(this.#world));
    await producer.send({ topic: TOPIC, messages: [messageOf(row)] });
  }

  #start(to: WritesTo | 'where it is'): { stop(): Promise<void> } {
    const stopping = new AbortController();
    const loop = (async () => {
      for (let turn = 0; !stopping.signal.aborted; turn++) {
        const key = this.keys[turn % this.keys.length] ?? '';
        await (to === 'where it is' ? this.writeWhereItIs(key) : this.write(key, to));
        await sleep(50);
      }
    })();
    const ended = loop.catch((error: unknown) => void this.#failures.push(error));
    return {
      stop: () => {
        stopping.abort();
        return ended;
      },
    };
  }
}

const changeOf = ({ key, version, id, time }: Row) => ({
  ...{ aggregate: 'order', key, version },
  events: [{ type: 'order.changed' as const, id, time, data: { n: version } }],
});

/** The steps of a hand-over of one key: from the table whose code writes it to the one whose code shall write it. */
export class HandOver {
  readonly #world: World;
  readonly #key: string;
  readonly #from: string;
  readonly #to: string;

  constructor(world: World, key: string, [from, to]: readonly [from: string, to: string]) {
    this.#world = world;
    this.#key = key;
    this.#from = from;
    this.#to = to;
  }

  async refuseWrites(): Promise<void> {
    await this.#world.document.update({
      TableName: this.#from,
      Key: { id: this.#key },
      UpdateExpression: 'SET moved = :true',
      ConditionExpression: 'attribute_exists(id)',
      ExpressionAttributeValues: { ':true': true },
    });
  }

  /** Resolves when the last event of the key is published. */
  async lastIsPublished(): Promise<void> {
    const last = (await readBusinessItem(this.#world, this.#from, this.#key)).ids.at(-1) ?? '';
    await until(`the last event of ${this.#key}`, () => this.#world.reader.ids().has(last));
  }

  /** Copies the aggregate, which allows the other code to write it. Changes nothing if that was done before. */
  async copy(): Promise<void> {
    const { version, ids } = await readBusinessItem(this.#world, this.#from, this.#key);
    try {
      await this.#world.document.put({
        TableName: this.#to,
        Item: { id: this.#key, version, ids },
        ConditionExpression: 'attribute_not_exists(id) OR (attribute_exists(moved) AND version <= :version)',
        ExpressionAttributeValues: { ':version': version },
      });
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
}
