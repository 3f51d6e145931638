import { itemBytes } from '../dynamodb/item-size';
import { DYNAMODB_LIMITS, type TransactionAction } from '../dynamodb/transaction';
import { outcomeOf } from './commit-outcome';
import { committedAtOf } from './committed-at';
import type { DecodedEvent } from './decode';
import {
  markerIdOf,
  mayBeUnapplied,
  sequencedOf,
  withApplied,
  type EventStatus,
  type InboxRow,
  type InboxState,
} from './inbox';
import type { InboxKey } from './inbox-keys';
import type { InboxView } from './inbox-view';
import type { InboxActions, ParkedNotes, StoredMessageOptions, Transactions } from './ports';
import type { ConsumedRecord } from './record';
import { asUnavailable, KeyDelayed, serviceFailureOf, TableUnavailable } from './service-error';

/**
 * Builds the transactions on a consumer's table. It writes those without effects itself: `stale` means that the state
 * that a record depends on has changed.
 */
export class InboxWriter {
  readonly actions: InboxActions;
  readonly #transactions: Transactions;
  readonly #view: InboxView;
  readonly #tableName: string;

  constructor(actions: InboxActions, transactions: Transactions, view: InboxView, tableName: string) {
    this.actions = actions;
    this.#transactions = transactions;
    this.#view = view;
    this.#tableName = tableName;
  }

  /** @throws TableUnavailable for a failed write: it concerns every key. */
  async write(unit: readonly TransactionAction[]): Promise<'written' | 'stale'> {
    let result;
    try {
      result = await this.#transactions.write(unit);
    } catch (error) {
      throw asUnavailable(error, `Cannot write to the consumer's table "${this.#tableName}"`) ?? error;
    }
    return outcomeOf(result, []);
  }

  /**
   * Writes a new state of the row, between the actions `first` and `last`. If the row can still be read, a failed write
   * delays this key only.
   */
  async writeState(
    key: InboxKey,
    row: InboxRow,
    state: InboxState,
    { first = [], last = [] }: { first?: readonly TransactionAction[]; last?: readonly TransactionAction[] } = {},
  ): Promise<'written' | 'stale'> {
    try {
      const outcome = await this.write([...first, this.actions.row(key, row, state), ...last]);
      if (outcome === 'written') this.#view.written(key, row, state);
      return outcome;
    } catch (error) {
      const service = error instanceof TableUnavailable ? serviceFailureOf(error.cause) : undefined;
      if (service === undefined || service === 'permanent') throw error;
      await this.#view.readRow(key);
      throw new KeyDelayed(service === 'throttled' ? service : 'not-committed', error);
    }
  }

  /** The actions that park a message behind the parked messages of its key, or why it does not fit an item. */
  parking(
    record: ConsumedRecord,
    key: InboxKey,
    row: InboxRow,
    why: string,
    notes: ParkedNotes,
  ): readonly TransactionAction[] | string {
    const actions = this.actions.park(key, row, record, why, notes);
    const bytes = itemBytes(actions[0]?.Put?.Item ?? {});
    return bytes <= DYNAMODB_LIMITS.itemBytes
      ? actions
      : `The message takes ${bytes} bytes as an item, DynamoDB allows ${DYNAMODB_LIMITS.itemBytes}, so it cannot be parked.`;
  }

  /**
   * The records that the event was applied: the row of a key with versions, otherwise a marker. A replay, and an event
   * that has or may have a dead letter, always gets a marker.
   */
  appliedRecords(
    event: DecodedEvent,
    row: InboxRow | undefined,
    status: EventStatus | undefined,
    { alongside = [], resend }: Partial<StoredMessageOptions> = {},
  ): { readonly own: readonly TransactionAction[]; readonly state?: InboxState } {
    const { actions } = this;
    const sequenced = sequencedOf(event);
    const marker = markerIdOf(event);
    const markerOf = (id: string): TransactionAction =>
      resend === undefined ? actions.marker(event, id) : actions.keptMarker(event, id, resend);
    if (sequenced === undefined || row === undefined || status === undefined || status.kind === 'duplicate') {
      const own = [markerOf(marker ?? event.id)];
      // Another consumer may have parked the key since its row was read.
      if (row !== undefined && alongside.length === 0) own.push(actions.notParked(event));
      return { own: [...own, ...alongside] };
    }
    if (status.kind === 'lost-identity') {
      // Below the window only a marker remembers the event. The row is written to check its revision.
      return { own: [actions.row(event, row, row.state, event), markerOf(event.id), ...alongside], state: row.state };
    }
    const state = withApplied(row.state, sequenced, event.txEvents, committedAtOf(event));
    const own = [actions.row(event, row, state, event)];
    // The first delivery of an event can be a replay. A second delivery of that replay must find a marker.
    if (resend !== undefined || marker !== undefined) own.push(markerOf(marker ?? event.id));
    else if (mayBeUnapplied(row.state, sequenced)) own.push(actions.keptMarker(event, event.id));
    return { own: [...own, ...alongside], state };
  }
}
