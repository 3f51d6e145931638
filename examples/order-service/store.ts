import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import {
  createOutbox,
  OutboxError,
  type Change,
  type ConsistencyToken,
  type Outbox,
  type TransactionAction,
} from 'dynamodb-outbox';
import { OrderError } from './errors';
import { events, type ShopEvents } from './events';
import { orderRow, type Decision, type Order } from './order';
import { articleRow, type Article } from './stock';

export interface StoreOptions {
  /** With `marshallOptions: { removeUndefinedValues: true }` or without: no row has an undefined value. */
  readonly database: Pick<DynamoDBDocument, 'get' | 'transactWrite'>;
  /** The business table; its partition key is `pk`, it has no sort key. */
  readonly ordersTable: string;
  readonly outboxTable: string;
  /** Default: the environment variable AWS_REGION. */
  readonly region?: string;
}

/** One aggregate's part of a transaction. */
interface Part {
  readonly aggregate: 'order' | 'stock';
  readonly key: string;
  readonly decision: Decision<Order | Article>;
}

export const orderPart = (decision: Decision<Order>): Part => ({
  aggregate: 'order',
  key: decision.next.orderId,
  decision,
});

export const stockPart = (decision: Decision<Article>): Part => ({
  aggregate: 'stock',
  key: decision.next.sku,
  decision,
});

export interface Store {
  readonly outbox: Outbox<ShopEvents>;
  order(orderId: string): Promise<Order | undefined>;
  article(sku: string): Promise<Article | undefined>;
  /** The action that writes the next state of a part, if its row has not changed since it was read. */
  row(part: Part): TransactionAction;
  /** The events of a part, under the same version. */
  change(part: Part): Change<ShopEvents>;
  /** Writes the next state of every part and all events, or nothing. Returns the token of the first part. */
  commit(parts: readonly [Part, ...Part[]]): Promise<ConsistencyToken>;
}

const MAX_ATTEMPTS = 12;
const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 400;

export function createStore({ database, ordersTable, outboxTable, region }: StoreOptions): Store {
  const outbox = createOutbox({ tableName: outboxTable, service: 'order-service', events, ...(region && { region }) });

  const read = async (pk: string): Promise<unknown> => {
    const { Item } = await database.get({ TableName: ordersTable, Key: { pk }, ConsistentRead: true });
    return Item;
  };

  const row = ({ aggregate, key, decision: { next } }: Part): TransactionAction => ({
    Put: {
      TableName: ordersTable,
      Item: { pk: `${aggregate}#${key}`, ...next },
      // The optimistic lock: the row must still be the one that the decision was made on.
      ...(next.version === 1
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : { ConditionExpression: 'version = :read', ExpressionAttributeValues: { ':read': next.version - 1 } }),
    },
  });

  const change = ({ aggregate, key, decision }: Part): Change<ShopEvents> => ({
    aggregate,
    key,
    version: decision.next.version,
    events: decision.events,
  });

  return {
    outbox,
    row,
    change,
    order: async (orderId) => orderRow.optional().parse(await read(`order#${orderId}`)),
    article: async (sku) => articleRow.optional().parse(await read(`stock#${sku}`)),

    async commit(parts) {
      const transaction = {
        actions: parts.map(row),
        changes: parts.map(change),
        // Makes every repetition below the same request, which has its effect once.
        requestId: randomUUID(),
        committedAt: Date.now(),
      };
      for (let attempt = 1; ; attempt += 1) {
        try {
          const { tokens } = await outbox.transact(database, transaction);
          return first(tokens);
        } catch (error) {
          // If the error is not retryable, nothing was written. Otherwise, as after a timeout, that may be unknown, and
          // only the same request can settle it.
          const final = error instanceof OutboxError && !error.retryable;
          if (final || attempt === MAX_ATTEMPTS) throw error;
        }
        await backOff(attempt);
      }
    },
  };
}

/**
 * Runs `work`, which reads, decides and commits. If another writer changes the rows between the read and the commit, it
 * runs `work` again.
 *
 * @throws OrderError `too-busy` if that happens too often in a row.
 */
export async function untilUndisturbed<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (cause) {
      if (!isVersionConflict(cause)) throw cause;
      if (attempt === MAX_ATTEMPTS) {
        const message = `Others changed the same order or article ${attempt} times in a row. Try again later.`;
        throw new OrderError('too-busy', message, { attempts: attempt }, { cause });
      }
    }
    await backOff(attempt);
  }
}

/** There is a token for each change, and at least one change. */
function first(tokens: readonly ConsistencyToken[]): ConsistencyToken {
  const [token] = tokens;
  if (token === undefined) throw new Error('A transaction without changes has no token.');
  return token;
}

/** All conditions of our own actions are version checks. */
const isVersionConflict = (error: unknown): boolean =>
  error instanceof OutboxError && (error.is('version-conflict') || error.is('condition-failed'));

/** Random, so that instances that have conflicted do not conflict again. */
const backOff = (attempt: number): Promise<void> =>
  sleep(Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt));
