import type { TransactionAction } from '../dynamodb/transaction';
import { namedMessageOf, OutboxError } from '../event/errors';
import { APPLIED, type ApplyPorts, type Attempt, type AttemptResult, type StoredMessageOptions } from './attempt';
import { checkUnit, outcomeOf } from './commit-outcome';
import { appliedAfter, committedAtOf, latencyOf } from './committed-at';
import type { DecodedEvent, EventEnvelope } from './decode';
import type { EventStatus } from './event-status';
import { callHandler, HandlerFailure } from './handler-call';
import { markerIdOf, mayBeUnapplied, seenOf, withApplied, type InboxState } from './inbox';
import type { InboxKey } from './inbox-keys';
import type { InboxView } from './inbox-view';
import { asUnavailable, KeyDelayed, TableUnavailable } from './outage-errors';
import type { InboxRow } from './ports';
import { serviceFailureOf } from './service-error';
import type { ConsumerSettings } from './settings';

/** Runs handlers, and commits their actions together with the records of the consumer. */
export class Committer {
  readonly #settings: ConsumerSettings;
  readonly #ports: ApplyPorts;
  readonly #view: InboxView;

  constructor(settings: ConsumerSettings, ports: ApplyPorts, view: InboxView) {
    this.#settings = settings;
    this.#ports = ports;
    this.#view = view;
  }

  async commit(
    { record, content: event, number, signal, isRepeated }: Attempt<DecodedEvent>,
    row: InboxRow | undefined,
    status: EventStatus | undefined,
    stored?: StoredMessageOptions,
  ): Promise<AttemptResult> {
    const { clock, tableName } = this.#settings;
    // Without versions, nothing shows whether later events were applied, so a dead letter that is sent again is late.
    const late = status === undefined ? stored?.resend !== undefined : status.kind !== 'new';
    const call = { record, event, attempt: number, late, signal, appliedAt: row?.appliedAt };
    const actions = await callHandler(this.#settings, call).catch((error: unknown) =>
      this.#handlerFailed(event, error),
    );
    const { own, state } = this.#recordOf(event, row, status, stored);
    checkUnit(actions, own, tableName);
    let result;
    try {
      result = await this.#ports.transactions.write([...actions, ...own], { alone: isRepeated });
    } catch (error) {
      throw await this.#commitFailed(event, error, actions.length);
    }
    if (outcomeOf(result, actions) === 'stale') return { kind: 'stale' };
    if (row !== undefined && state !== undefined)
      this.#view.written(event, row, state, appliedAfter(row.appliedAt, clock.now()));
    this.reportApplied(event);
    return APPLIED;
  }

  reportApplied(event: DecodedEvent): void {
    const { telemetry, clock } = this.#settings;
    telemetry.applied(event, latencyOf(event, clock.now()));
  }

  /** Writes only records of the consumer. If the key's row can still be read, a failed write delays this key only. */
  async writeOwn(key: InboxKey, unit: readonly TransactionAction[]): Promise<'written' | 'stale'> {
    const { inbox, ownWrites } = this.#ports;
    try {
      return outcomeOf(await ownWrites.write(unit), []);
    } catch (error) {
      const service = error instanceof TableUnavailable ? serviceFailureOf(error.cause) : undefined;
      if (service === undefined || service === 'refused') throw error;
      await inbox.read(key);
      throw new KeyDelayed(service === 'throttled' ? service : 'not-committed', error);
    }
  }

  /**
   * The actions that record that the event was applied: the row of a key with versions, otherwise a marker. A replay,
   * and an event that has or may have a dead letter, always gets a marker.
   */
  #recordOf(
    event: DecodedEvent,
    row: InboxRow | undefined,
    status: EventStatus | undefined,
    { alongside = [], resend }: Partial<StoredMessageOptions> = {},
  ): { readonly own: readonly TransactionAction[]; readonly state?: InboxState } {
    const { entries } = this.#ports;
    const seen = seenOf(event);
    const marker = markerIdOf(event);
    const markerOf = (id: string): TransactionAction =>
      resend === undefined ? entries.marker(event, id) : entries.keptMarker(event, id, resend);
    if (seen === undefined || row === undefined || status === undefined || status.kind === 'duplicate') {
      const own = [markerOf(marker ?? event.id)];
      // Another consumer may have parked the key since its row was read.
      if (row !== undefined && alongside.length === 0) own.push(entries.notParked(event));
      return { own: [...own, ...alongside] };
    }
    if (status.kind === 'lost-identity') {
      // Below the window only a marker remembers the event. The row is written to check its revision.
      return { own: [entries.row(event, row, row.state, event), markerOf(event.id), ...alongside], state: row.state };
    }
    const state = withApplied(row.state, seen, event.txEvents, committedAtOf(event));
    const own = [entries.row(event, row, state, event)];
    // The first delivery of an event can be a replay. A second delivery of that replay must find a marker.
    if (resend !== undefined || marker !== undefined) own.push(markerOf(marker ?? event.id));
    else if (mayBeUnapplied(row.state, seen)) own.push(entries.keptMarker(event, event.id));
    return { own: [...own, ...alongside], state };
  }

  /** Classifies the error of a handler: a service that it calls may be unavailable, or the consumer's table may be. */
  async #handlerFailed(event: EventEnvelope, failure: unknown): Promise<never> {
    if (!(failure instanceof HandlerFailure)) throw failure;
    const error = failure.cause;
    const service = serviceFailureOf(error);
    const isOutage = this.#isOutage(error) ?? (service === 'throttled' || service === 'unavailable');
    if (isOutage) throw new KeyDelayed('service-unavailable', error);
    // A handler that waits for DynamoDB hangs if the network fails. The read then fails too, and no attempt counts.
    if (error instanceof OutboxError && error.is('handler-too-late')) await this.#ports.inbox.read(event);
    throw error;
  }

  #isOutage(error: unknown): boolean | undefined {
    try {
      const isOutage: unknown = this.#settings.isOutage(error);
      // A promise would count as `true` for every error. Its rejection must not end the process.
      if (isOutage instanceof Promise) isOutage.catch(() => undefined);
      return typeof isOutage === 'boolean' ? isOutage : undefined;
    } catch {
      // The default decides.
      return undefined;
    }
  }

  /**
   * Classifies a transaction that was not sent, got no response or was refused as a whole. A read of the key's row
   * shows whether the failure concerns every key, or only an item, a table or a permission of this handler.
   */
  async #commitFailed(event: EventEnvelope, error: unknown, actions: number): Promise<unknown> {
    const { tableName } = this.#settings;
    const service = serviceFailureOf(error);
    if (service === undefined) return error;
    if (service === 'refused' && actions === 0) {
      return asUnavailable(error, `Cannot commit to the consumer's table "${tableName}"`);
    }
    try {
      await this.#ports.inbox.read(event);
    } catch (readError) {
      return readError;
    }
    if (service !== 'refused') return new KeyDelayed(service === 'throttled' ? service : 'not-committed', error);
    const reason = namedMessageOf(error);
    return new OutboxError(
      'action-rejected',
      `DynamoDB refused the transaction of the handler's ${actions} actions: ${reason}. The consumer can read its own table "${tableName}", so a table or a permission of the handler is missing.`,
      { index: 0, reason },
      { cause: error },
    );
  }
}
