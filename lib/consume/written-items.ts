import { inspect } from 'node:util';
import { OutboxError } from '../event/errors';
import { parsePartitionKey, type AggregateKey } from '../event/key';
import { isRecord } from '../event/options';
import { versionOfPosition } from '../event/position';
import type { TransactionAction } from '../dynamodb/transaction';
import { refuseSecondItem } from './emit';

/** An outbox item among the entries of a handler, emitted or made by `Outbox.items`. */
interface WrittenOutboxItem extends AggregateKey {
  /** Names table, aggregate and key. */
  readonly place: string;
  readonly version?: number;
}

/** The outbox item that an entry puts, if any: recognised by its shape, which no other item has by accident. */
function outboxItemOf({ Put }: TransactionAction): WrittenOutboxItem | undefined {
  if (Put?.ConditionExpression !== 'attribute_not_exists(pk)' || !isRecord(Put.Item)) return undefined;
  const { pk, sk, events, committedAt } = Put.Item;
  if (typeof pk !== 'string' || typeof sk !== 'string' || typeof committedAt !== 'number') return undefined;
  const aggregateKey = Array.isArray(events) ? parsePartitionKey(pk) : undefined;
  if (aggregateKey === undefined) return undefined;
  return { ...aggregateKey, place: `${Put.TableName ?? ''}\n${pk}`, version: versionOfPosition(sk) };
}

/** The first two entries that put outbox items of one key: a stream may show them in either order. */
export function twoItemsOfOneKey(
  actions: readonly TransactionAction[],
): { readonly key: AggregateKey; readonly indexes: readonly [number, number] } | undefined {
  const places = new Map<string, number>();
  for (const [index, action] of actions.entries()) {
    const item = outboxItemOf(action);
    if (item === undefined) continue;
    const first = places.get(item.place);
    if (first !== undefined) return { key: item, indexes: [first, index] };
    places.set(item.place, index);
  }
  return undefined;
}

/** @throws OutboxError `duplicate-change`. */
export function checkOneItemPerKey(actions: readonly TransactionAction[]): void {
  const two = twoItemsOfOneKey(actions);
  if (two !== undefined) refuseSecondItem(two.key, two.indexes, 'Entries');
}

/** Explains the failed condition of an entry that puts an outbox item with a version; `undefined` for other entries. */
export function versionConflict(action: TransactionAction | undefined, cause: unknown): OutboxError | undefined {
  const { aggregate = '', key = '', version } = (action === undefined ? undefined : outboxItemOf(action)) ?? {};
  if (version === undefined) return undefined;
  return new OutboxError(
    'version-conflict',
    `Version ${version} of ${aggregate} "${key}" already exists, so nothing of the handler was written. The handler runs again: it must derive the version from the item that it reads.`,
    { aggregate, key, version },
    { cause },
  );
}

/** Names the items that a transaction may contain only once. Units with a name in common must not share one. */
export function writtenItems(actions: readonly TransactionAction[]): readonly string[] {
  const names: string[] = [];
  for (const action of actions) {
    const { Put, Update, Delete, ConditionCheck } = action;
    const keyed = Update ?? Delete ?? ConditionCheck;
    const place = outboxItemOf(action)?.place;
    const key = keyed?.Key ?? keyOfPut(Put?.Item);
    if (place !== undefined) names.push(place);
    else if (isRecord(key)) names.push(`${Put?.TableName ?? keyed?.TableName ?? ''}${textOfKey(key)}`);
  }
  return names;
}

function textOfKey(key: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const name of Object.keys(key).sort()) text += `\n${name}=${textOf(key[name])}`;
  return text;
}

/** A number and a bigint get the same text, because DynamoDB treats them alike. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : typeof value === 'bigint' ? value.toString() : inspect(value);

/** A put does not show which attributes are the key. The consumer's table and an outbox have `pk` and `sk`. */
function keyOfPut(item: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  if (!isRecord(item)) return undefined;
  const { pk, sk } = item;
  return typeof pk === 'string' && typeof sk === 'string' ? { pk, sk } : undefined;
}
