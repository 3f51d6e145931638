import { isDeepStrictEqual } from 'node:util';
import { OutboxError } from '../event/errors';
import { shown } from '../event/options';
import { itemBytes } from './item-size';

/**
 * An action of `TransactItems` in the form of `@aws-sdk/lib-dynamodb`, declared here so that neither this package nor
 * its types need the SDK. Exactly one of the four is set.
 */
export interface TransactionAction {
  readonly Put?: PutAction | undefined;
  readonly Update?: UpdateAction | undefined;
  readonly Delete?: KeyedAction | undefined;
  readonly ConditionCheck?: ConditionCheckAction | undefined;
}

/** Properties of every action: its table and its condition. */
export interface ActionCondition {
  readonly TableName: string | undefined;
  readonly ConditionExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Record<string, unknown> | undefined;
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD' | 'NONE' | undefined;
}

/** Writes a whole item. */
export interface PutAction extends ActionCondition {
  readonly Item: Record<string, unknown> | undefined;
}

/** An action that names its item by the key. */
export interface KeyedAction extends ActionCondition {
  readonly Key: Record<string, unknown> | undefined;
}

/** Changes attributes of an item. */
export interface UpdateAction extends KeyedAction {
  readonly UpdateExpression: string | undefined;
}

/** Writes nothing, and cancels the transaction if its condition fails. */
export interface ConditionCheckAction extends KeyedAction {
  readonly ConditionExpression: string | undefined;
}

/** The action that writes one outbox item. */
export interface OutboxAction {
  readonly Put: {
    readonly TableName: string;
    readonly Item: Record<string, unknown>;
    readonly ConditionExpression: string;
    readonly ReturnValuesOnConditionCheckFailure: 'ALL_OLD';
  };
}

/** Options of an AWS SDK call, next to its input. */
export interface CallOptions {
  /** Aborts the request. */
  readonly abortSignal?: AbortSignal;
}

/** The part of `DynamoDBDocument` that {@link Outbox.transact} calls. */
export interface TransactionClient {
  /** Commits all actions or none. */
  transactWrite(
    input: { TransactItems: TransactionAction[]; ClientRequestToken?: string },
    options?: CallOptions,
  ): Promise<unknown>;
}

/**
 * Refuses two actions on one item, as DynamoDB does, and names them.
 *
 * A put does not show which of its attributes are the key. The key is known if another action on its table has a `Key`,
 * and for tables in `keyNames`. Other puts are compared as a whole; DynamoDB refuses the rest.
 */
export function checkDistinctItems(
  actions: readonly TransactionAction[],
  keyNames: ReadonlyMap<string, readonly string[]>,
): void {
  const names = new Map(keyNames);
  for (const { Update, Delete, ConditionCheck } of actions) {
    const keyed = Update ?? Delete ?? ConditionCheck;
    if (keyed?.TableName !== undefined && keyed.Key !== undefined) names.set(keyed.TableName, Object.keys(keyed.Key));
  }
  const seen = new Map<string, { readonly index: number; readonly key: Record<string, unknown> }[]>();
  for (const [index, action] of actions.entries()) {
    const { table, key } = target(action, names);
    if (table === undefined || key === undefined) continue;
    const others = seen.get(table) ?? [];
    const twin = others.find((other) => isDeepStrictEqual(other.key, key));
    if (twin !== undefined) refuse(table, key, [twin.index, index]);
    seen.set(table, [...others, { index, key }]);
  }
}

function target(
  { Put, Update, Delete, ConditionCheck }: TransactionAction,
  names: ReadonlyMap<string, readonly string[]>,
) {
  const keyed = Update ?? Delete ?? ConditionCheck;
  if (keyed !== undefined) return { table: keyed.TableName, key: keyed.Key };
  const table = Put?.TableName;
  const item = Put?.Item;
  const known = names.get(table ?? '');
  const key =
    item === undefined || known === undefined ? item : Object.fromEntries(known.map((name) => [name, item[name]]));
  return { table, key };
}

function refuse(table: string, key: Record<string, unknown>, indexes: readonly number[]): never {
  const text = Object.entries(key)
    .map(([name, value]) => `${name} = ${shown(value)}`)
    .join(', ');
  throw new OutboxError(
    'duplicate-action',
    `Actions ${indexes.join(' and ')} are on one item of table "${table}" (${text.slice(0, 200)}); a DynamoDB transaction takes one action per item. Merge them, such as a condition check into the update.`,
    { table, key: text, indexes },
  );
}

/** Limits of `TransactWriteItems` and of items: Amazon DynamoDB developer guide, "Quotas". */
export const DYNAMODB_LIMITS = {
  transactionActions: 100,
  transactionBytes: 4 * 1024 * 1024,
  itemBytes: 400 * 1024,
} as const;

/**
 * Refuses a transaction that `TransactWriteItems` would refuse for its size. For an update only the size of the call is
 * known, so DynamoDB may still refuse the result.
 */
export function checkTransactionSize(actions: readonly TransactionAction[]): void {
  const { transactionActions: max, transactionBytes: maxBytes } = DYNAMODB_LIMITS;
  if (actions.length > max) {
    throw new OutboxError(
      'too-many-actions',
      `The transaction has ${actions.length} actions, DynamoDB takes ${max}. Split it where it need not be atomic.`,
      { got: actions.length, max },
    );
  }
  const bytes = actions.reduce((sum, action, index) => sum + checkAction(action, index), 0);
  if (bytes > maxBytes) {
    throw new OutboxError(
      'transaction-too-large',
      `The transaction's items take ${bytes} bytes; DynamoDB takes ${maxBytes}. Split it where it need not be atomic.`,
      { bytes, maxBytes },
    );
  }
}

/** The bytes of an action, as far as they are known: for an update those of the call. */
export function actionBytes({ Put, Update, Delete, ConditionCheck }: TransactionAction): number {
  const keyed = Update ?? Delete ?? ConditionCheck;
  return itemBytes(Put?.Item ?? keyed?.Key ?? {}) + itemBytes(Update?.ExpressionAttributeValues ?? {});
}

function checkAction(action: TransactionAction, index: number): number {
  const { Put } = action;
  const bytes = actionBytes(action);
  const maxBytes = DYNAMODB_LIMITS.itemBytes;
  if (Put === undefined || bytes <= maxBytes) return bytes;
  const table = Put.TableName ?? '';
  throw new OutboxError(
    'action-too-large',
    `Action ${index} puts an item of ${bytes} bytes into table "${table}"; DynamoDB takes ${maxBytes}.`,
    { index, table, bytes, maxBytes },
  );
}
