import type { EventDefinitions } from '../event/catalogue';
import { OutboxError } from '../event/errors';
import { RULES } from '../event/item-rules';
import { partitionKeyOf, type ChangedAggregate } from '../event/key';
import {
  anyValue,
  documentClient,
  optional,
  readOptions,
  required,
  text,
  type OptionTable,
} from '../event/option-rules';
import { errorText, isRecord, refuseOption, shown } from '../event/options';
import type { TraceContext } from '../event/trace-context';
import type { TransactionAction } from '../dynamodb/transaction';
import type { Change, PreparedChange, UntypedChange } from './change';
import type { CommitOptions } from './commit';

/** Options of a single write. */
export interface WriteOptions extends CommitOptions {
  /**
   * The trace that the events belong to.
   *
   * @default the active span of OpenTelemetry's API; none with a `requestId`, because a retry runs in another span and
   * would not be the same request
   */
  readonly traceContext?: TraceContext;
  /**
   * `ce_causationid` of the events: the id of the event that caused them. `createConsumer` sets it on the events that
   * handlers emit.
   *
   * @default none
   */
  readonly causationId?: string;
  /**
   * `ce_correlationid` of the events: the same for all events of one business flow, such as the id of the request that
   * began it.
   *
   * @default none
   */
  readonly correlationId?: string;
}

/** Business actions and the changes whose events are committed with them. */
export interface OutboxTransaction<D extends EventDefinitions = EventDefinitions> extends WriteOptions {
  /** The caller's own actions. Errors name an action by its index in this list. */
  readonly actions?: readonly TransactionAction[];
  /** At least one; at most one per key. */
  readonly changes: readonly Change<D>[];
}

export const WRITE_OPTIONS = {
  requestId: anyValue(),
  committedAt: anyValue(),
  traceContext: anyValue(),
  causationId: text(RULES.eventId),
  correlationId: text(RULES.eventId),
} satisfies OptionTable<WriteOptions>;

export const TRANSACTION_OPTIONS = {
  actions: { ...optional(Array.isArray, 'an array of transaction actions'), default: [] },
  changes: required(
    optional(
      (changes) => Array.isArray(changes) && changes.length > 0,
      'an array of at least one change; without events no outbox is needed',
    ),
  ),
  ...WRITE_OPTIONS,
} satisfies OptionTable<OutboxTransaction>;

export const AGGREGATE_OPTIONS = {
  aggregate: anyValue(),
  key: anyValue(),
  version: anyValue(),
} satisfies OptionTable<ChangedAggregate>;

const CHANGE_OPTIONS = { ...AGGREGATE_OPTIONS, events: anyValue() } satisfies OptionTable<UntypedChange>;

export const CLIENT = required(documentClient('transactWrite'));

/** @throws OutboxError always: a getter or a revoked proxy in the input can throw any value. */
export async function readingInput<T>(option: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof OutboxError) throw cause;
    const allowed = 'plain objects whose properties can be read';
    throw new OutboxError(
      'invalid-option',
      `Reading ${option} throws (${errorText(cause)}); they must be ${allowed}. Nothing was written.`,
      { option, got: cause, allowed },
      { cause },
    );
  }
}

/** Throws if two changes are of one key. */
export function checkChanges(changes: readonly UntypedChange[]): void {
  const places = new Map<string, number>();
  for (const [index, change] of changes.entries()) {
    const { aggregate, key } = readOptions(change, CHANGE_OPTIONS, `changes[${index}]`);
    const pk = partitionKeyOf({ aggregate, key });
    const first = places.get(pk);
    if (first !== undefined) {
      throw new OutboxError(
        'duplicate-change',
        `Changes ${first} and ${index} are of one key, "${key}" of aggregate "${aggregate}". DynamoDB's streams keep no order between items of a transaction: put all events of a key into one change.`,
        { aggregate, key, indexes: [first, index] },
      );
    }
    places.set(pk, index);
  }
}

const ACTIONS = ['Put', 'Update', 'Delete', 'ConditionCheck'] as const;

/** Checks only the parts that the checks of sizes and items read. DynamoDB checks the rest. */
export function checkActions(actions: readonly unknown[]): void {
  for (const [index, action] of actions.entries()) {
    const at = `actions[${index}]`;
    if (!isRecord(action)) return refuseOption(at, action, `an object with one of ${ACTIONS.join(', ')}`);
    for (const name of ACTIONS) {
      const operation = action[name];
      if (operation === undefined) continue;
      if (!isRecord(operation)) return refuseOption(`${at}.${name}`, operation, 'an object, or left out');
      for (const part of ['Item', 'Key', 'ExpressionAttributeValues']) {
        const value = operation[part];
        if (value !== undefined && !isRecord(value)) {
          refuseOption(`${at}.${name}.${part}`, value, 'an object of attributes');
        }
      }
    }
  }
}

/** Consumers ignore a second event with the same id as a duplicate. */
export function checkDistinctIds(prepared: readonly PreparedChange[]): void {
  const places = new Map<string, number>();
  for (const [index, { id }] of prepared.flatMap(({ item }) => item.events).entries()) {
    const first = places.get(id);
    if (first !== undefined) {
      throw new OutboxError(
        'duplicate-event-id',
        `Events ${first} and ${index} of the transaction have one id, ${shown(id)}: consumers would take the second for a repetition of the first. Leave "id" out to get a new one.`,
        { id, indexes: [first, index] },
      );
    }
    places.set(id, index);
  }
}
