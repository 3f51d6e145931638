import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { Kafka, logLevel } from 'kafkajs';
import {
  createConsumer,
  runConsumer,
  type Consumer,
  type ConsumerOptions,
  type ConsumerTelemetry,
  type EventContext,
  type RunningConsumer,
  type ConsumerRunOptions,
  type TransactionAction,
} from '../../../lib/consumer';
import { createInboxTable } from '../../../lib/operate/consumer/create-inbox-table';
import { SILENT } from '../../../lib/consume/telemetry';
import { createOutbox } from '../../../lib';
import type { Stack } from '../../../local/stack';
import type { ConsumerProcessOptions } from './consumer-process';
import { events, type World } from './world';

/** The consumers' own table, and the read model of their effects. */
export const INBOX_TABLE = 'inbox';
export const READ_MODEL = 'read-model';

export async function createConsumerTables({ stack }: { readonly stack: Pick<Stack, 'clientConfig'> }): Promise<void> {
  const client = new DynamoDBClient(stack.clientConfig);
  const keyed = (name: string) => ({ AttributeName: name, AttributeType: 'S' }) as const;
  await createInboxTable(client, INBOX_TABLE);
  await client.send(
    new CreateTableCommand({
      TableName: READ_MODEL,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [keyed('id')],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  client.destroy();
}

/** One event of a key, with a version. */
export const putVersion = ({ outbox, document }: World, key: string, version: number) =>
  outbox.transact(document, {
    changes: [
      {
        aggregate: 'order',
        key,
        version,
        events: [{ type: 'order.changed', id: `${key}.${version}`, data: { n: version } }],
      },
    ],
  });

export const kafkaOf = (brokers: readonly string[]): Kafka =>
  new Kafka({
    clientId: 'consumer',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 60, initialRetryTime: 100, maxRetryTime: 1_000 },
  });

/** An effect that reveals a repetition, a loss or a wrong order: it counts, adds up, and keeps the order. */
export const counted = (
  reader: string,
  { key, sequence }: Pick<EventContext, 'key' | 'sequence'>,
  id: string,
  amount = 0,
): TransactionAction => ({
  Update: {
    TableName: READ_MODEL,
    Key: { id: `${reader}:${key}` },
    UpdateExpression: 'ADD effects :one, amount :amount SET ids = list_append(if_not_exists(ids, :none), :id)',
    ExpressionAttributeValues: { ':one': 1, ':amount': amount, ':none': [], ':id': [`${sequence ?? ''} ${id}`] },
  },
});

export interface Effects {
  readonly effects: number;
  /** The sum of the events' amounts. */
  readonly amount: number;
  /** `<sequence> <id>` in the order of their application. */
  readonly ids: readonly string[];
}

export async function effectsOf({ document }: Pick<World, 'document'>, reader: string, key: string): Promise<Effects> {
  const { Item } = await document.get({ TableName: READ_MODEL, Key: { id: `${reader}:${key}` }, ConsistentRead: true });
  const { effects = 0, amount = 0 } = (Item ?? {}) as Partial<Effects>;
  return { effects, amount, ids: (Item?.['ids'] as string[] | undefined) ?? [] };
}

/** Counts a consumer's telemetry by name. */
export class Counts {
  readonly #counts = new Map<string, number>();
  readonly telemetry: ConsumerTelemetry = Object.fromEntries(
    Object.keys(SILENT).map((name) => [name, () => this.add(name)]),
  ) as unknown as ConsumerTelemetry;

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, count = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  /** The counts since the last call. */
  take(): Readonly<Record<string, number>> {
    const counts = Object.fromEntries(this.#counts);
    this.#counts.clear();
    return counts;
  }
}

type Definitions = typeof events extends ConsumerOptions<infer D>['events'] ? D : never;

/** Whether the events that {@link auditing} emits for a key have versions. */
export const isAuditedByClock = (key: string): boolean => /[05]$/.test(key);

/** Counts the effects, and emits an event for each, with its number, and with its version or none. */
export const auditing = (
  name: string,
  tableName: string,
): Pick<ConsumerOptions<Definitions, Definitions>, 'outbox' | 'handlers'> => ({
  outbox: createOutbox({ tableName, service: 'audit', region: 'local', events }),
  handlers: {
    'order.changed': ({ id, data }, context) => {
      const { key, version } = context;
      const audited = { aggregate: 'entry', key, ...(isAuditedByClock(key) ? {} : { version }) };
      context.emit(audited, [{ type: 'order.audited', data: { n: data.n } }]);
      return [counted(name, context, id, data.n)];
    },
  },
});

/** A consumer with counted effects. Each has its own client, as another process would. */
export function aConsumer(
  { stack }: Pick<ConsumerProcessOptions, 'stack'>,
  name: string,
  options: Partial<ConsumerOptions<Definitions, Definitions>> & { readonly endpoint?: string } = {},
): Consumer {
  const { endpoint = stack.dynamodbEndpoint, ...rest } = options;
  const client = DynamoDBDocument.from(new DynamoDBClient({ ...stack.clientConfig, endpoint, maxAttempts: 1 }));
  return createConsumer({
    name,
    tableName: INBOX_TABLE,
    client,
    events,
    handlers: {
      'order.changed': ({ id, data }, context) => [counted(name, context, id, data.n)],
    },
    telemetry: SILENT,
    ...rest,
  });
}

export const run = (
  { stack }: Pick<ConsumerProcessOptions, 'stack'>,
  consumer: Consumer,
  options: Partial<ConsumerRunOptions> = {},
): Promise<RunningConsumer> =>
  runConsumer({
    consumer,
    kafka: kafkaOf(stack.brokers),
    topics: ['orders'],
    commitIntervalMs: 200,
    kafkaConsumer: { maxWaitTimeInMs: 100, heartbeatInterval: 500, sessionTimeout: 10_000 },
    ...options,
  });
