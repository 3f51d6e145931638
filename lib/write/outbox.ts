import type { EventDefinitions, EventInput } from '../event/catalogue';
import type { OutboxError } from '../event/errors';
import type { ChangedAggregate } from '../event/key';
import { checkOption, readOptions } from '../event/option-rules';
import { isRecord } from '../event/options';
import { explainFailure } from './cancellation';
import { prepareChange, type PreparedChange, type UntypedChange } from './change';
import { commitOf, type Commit } from './commit';
import type { ConsistencyToken } from '../event/consistency-token';
import {
  AGGREGATE_OPTIONS,
  checkActions,
  checkChanges,
  checkDistinctIds,
  CLIENT,
  readingInput,
  TRANSACTION_OPTIONS,
  WRITE_OPTIONS,
  type OutboxTransaction,
  type WriteOptions,
} from './input';
import { observing } from './request-probe';
import { settingsOf, type OutboxOptions, type OutboxSettings } from './settings';
import { traceWrite } from './write-channel';
import { activeTraceContext, checkTraceContext, type TraceContext } from '../event/trace-context';
import {
  checkDistinctItems,
  checkTransactionSize,
  type OutboxAction,
  type TransactionAction,
  type TransactionClient,
} from '../dynamodb/transaction';

/** The action of one key for the caller's own transaction. */
export type OutboxActions = readonly OutboxAction[] & {
  readonly token: ConsistencyToken;
  /** For the call's `ClientRequestToken`; set if a `requestId` was given. */
  readonly clientRequestToken?: string;
};

/** The result of {@link Outbox.transact}. */
export interface TransactResult {
  /** One for each change, in their order. */
  readonly tokens: readonly ConsistencyToken[];
  /** An earlier attempt with this `requestId` had committed the transaction, so this call wrote nothing. */
  readonly alreadyWritten: boolean;
}

/** Writes events so that they commit with business data or not at all. Made by {@link createOutbox}. */
export interface Outbox<D extends EventDefinitions = EventDefinitions> {
  /**
   * The actions to spread into a `TransactWriteCommand` of your own: one item with all `events` of one key.
   *
   * The method makes no call and keeps no state, so actions that you never send leave no trace. Call it once for each
   * key of a transaction. Only {@link Outbox.transact} checks the limits of the whole transaction (100 actions, 4 MB,
   * two actions on one item). Pass a failure of your call to {@link Outbox.toOutboxError}.
   *
   * @throws OutboxError for invalid input, with the field or limit and the value that broke it. If a schema throws, the
   * error is `invalid-event-data` with the thrown value as its `cause`.
   * @example
   * ```ts
   * const outboxActions = await outbox.items({ aggregate: 'order', key: '42', version: 1 }, [
   *   { type: 'order.placed', data: { orderId: '42', total: 99.5 } },
   * ]);
   * const TransactItems = [{ Put: { TableName: 'orders', Item: { pk: '42' } } }, ...outboxActions];
   * try {
   *   await client.transactWrite({ TransactItems });
   * } catch (error) {
   *   throw outbox.toOutboxError(error, TransactItems);
   * }
   * ```
   */
  items(aggregate: ChangedAggregate, events: readonly EventInput<D>[], options?: WriteOptions): Promise<OutboxActions>;

  /**
   * Commits business actions and events in one `TransactWriteItems` call.
   *
   * After it resolves, all actions are written and the events will be published. The method does not retry. If the
   * error is `retryable`, repeat the call after a pause with the same `requestId`. Within DynamoDB's ten minutes a
   * repeated call has no second effect. After that, the condition of the outbox items detects the repetition
   * (`alreadyWritten`) while the items are retained: by default one day after publication, and not at all with a
   * retention of 0. After that only a condition of your own actions detects it: stop retrying before.
   *
   * @throws OutboxError for invalid input and exceeded limits, before the call. For a cancelled transaction:
   * `version-conflict`, `condition-failed`, `action-rejected`, `item-collection-full`, `transaction-conflict` or
   * `throttled`; `request-id-reused` if a repetition differs from its first attempt. For a call that DynamoDB refuses:
   * `access-denied` or `request-rejected`. After `outcome-unknown` (a timeout, a lost connection, an internal error, an
   * aborted call) and `transaction-in-progress` the transaction may be written: these are retryable only with a
   * `requestId`. A call that the client cannot send (an attribute that cannot be encoded, no region, no credentials) is
   * neither of the two: the library adds two middlewares to the client, once, to detect it. If a schema throws, the
   * error is `invalid-event-data` with the thrown value as its `cause`.
   * @example
   * ```ts
   * await outbox.transact(client, {
   *   actions: [{ Put: { TableName: 'orders', Item: { pk: '42', status: 'placed' } } }],
   *   changes: [
   *     {
   *       aggregate: 'order',
   *       key: '42',
   *       version: 1,
   *       events: [{ type: 'order.placed', data: { orderId: '42', total: 99.5 } }],
   *     },
   *   ],
   * });
   * ```
   */
  transact(client: TransactionClient, transaction: OutboxTransaction<D>): Promise<TransactResult>;

  /**
   * Explains the failure of a transaction of your own: returns an `OutboxError` whose `cause` is the failure, with the
   * codes of {@link Outbox.transact}. Never throws.
   *
   * `event-already-written` means that an earlier attempt of the same request succeeded. With a `requestId`,
   * {@link Outbox.transact} treats it as success.
   *
   * @param actions - the `TransactItems` of the call, in their order
   * @param options - the `requestId` of the actions, if they had one and the call had their `clientRequestToken`.
   * Without it, an error with an unknown outcome is never `retryable`
   */
  toOutboxError(
    error: unknown,
    actions: readonly TransactionAction[],
    options?: { readonly requestId?: string },
  ): OutboxError;
}

/**
 * An outbox on one table, for one service.
 *
 * It holds no connection and no state: one per process is enough, and several do no harm.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value and what is allowed.
 * @example
 * ```ts
 * const outbox = createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events });
 * ```
 */
export function createOutbox<D extends EventDefinitions>(options: OutboxOptions<D>): Outbox<D> {
  const settings = settingsOf(options);
  return {
    async items(aggregate, events, write = {}) {
      const { change, options } = await readingInput(ITEMS_INPUT, () => ({
        change: { ...readOptions(aggregate, AGGREGATE_OPTIONS, 'aggregate'), events },
        options: readOptions(write, WRITE_OPTIONS),
      }));
      return traceWrite('items', settings, options, async (trace) => {
        const { commit, prepared } = await readingInput(ITEMS_INPUT, () => prepare(settings, [change], options));
        trace.prepared(prepared);
        const [{ action, token }] = prepared as [PreparedChange];
        const { clientRequestToken } = commit;
        return Object.assign([action], clientRequestToken === undefined ? { token } : { token, clientRequestToken });
      });
    },

    async transact(client, transaction) {
      const { actions, changes, write } = await readingInput(TRANSACT_INPUT, () => {
        checkOption(CLIENT, 'client', client);
        const { actions, changes, ...write } = readOptions(transaction, TRANSACTION_OPTIONS);
        checkActions(actions);
        checkChanges(changes);
        return { actions, changes, write };
      });
      return traceWrite('transact', settings, write, async (trace) => {
        const { commit, prepared, all } = await readingInput(TRANSACT_INPUT, async () => {
          const { commit, prepared } = await prepare(settings, changes, write);
          // The caller's actions come first, so that DynamoDB's indexes are the caller's.
          const all: TransactionAction[] = [...actions, ...prepared.map(({ action }) => action)];
          checkTransactionSize(all);
          checkDistinctItems(all, new Map([[settings.tableName, ['pk', 'sk']]]));
          return { commit, prepared, all };
        });
        trace.prepared(prepared);
        const { requestId } = write;
        const { clientRequestToken } = commit;
        const tokens = prepared.map(({ token }) => token);
        const send = async (): Promise<TransactResult> => {
          await client.transactWrite({
            TransactItems: all,
            ...(clientRequestToken === undefined ? {} : { ClientRequestToken: clientRequestToken }),
          });
          return { tokens, alreadyWritten: false };
        };
        const result = await observing(client, send, (error, probe) => {
          const failure = explainFailure(error, settings.tableName, { actions: all, requestId, probe });
          // Without a request id the call cannot be a retry, so the existing item is a failure.
          if (failure.is('event-already-written') && requestId !== undefined) return { tokens, alreadyWritten: true };
          throw failure;
        });
        trace.written(result);
        return result;
      });
    },

    toOutboxError(error, actions, options) {
      // The types promise both, but an untyped caller may pass anything, and the method must not throw.
      const given: unknown = actions;
      const requestId = isRecord(options) && typeof options.requestId === 'string' ? options.requestId : undefined;
      return explainFailure(error, settings.tableName, { actions: Array.isArray(given) ? actions : [], requestId });
    },
  };
}

/** The names of the input in errors. */
const ITEMS_INPUT = 'aggregate, events and options';
const TRANSACT_INPUT = 'client and transaction';

async function prepare(
  settings: OutboxSettings,
  changes: readonly UntypedChange[],
  options: WriteOptions,
): Promise<{ commit: Commit; prepared: PreparedChange[] }> {
  const commit = commitOf(options, () => settings.clock.now());
  const { causationId, correlationId } = options;
  const context = { ...traceOf(options), causationId, correlationId };
  const prepared: PreparedChange[] = [];
  // In sequence, so that the reported error is always that of the first invalid event.
  for (const change of changes) prepared.push(await prepareChange(settings, change, commit, context));
  checkDistinctIds(prepared);
  return { commit, prepared };
}

function traceOf({ traceContext, requestId }: WriteOptions): TraceContext | undefined {
  if (traceContext !== undefined) return checkTraceContext(traceContext);
  return requestId === undefined ? activeTraceContext() : undefined;
}
