import { isDeepStrictEqual } from 'node:util';
import { OutboxError } from '../event/errors';
import { shown } from '../event/options';
import type { TransactionAction } from './transaction';

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
