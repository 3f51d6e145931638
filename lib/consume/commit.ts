import { namedMessageOf, OutboxError } from '../event/errors';
import { activeTraceContext } from '../event/trace-context';
import { APPLIED, type ApplyPorts, type Attempt, type AttemptResult } from './attempt';
import { actionRejected, checkUnit, outcomeOf } from './commit-outcome';
import { appliedAfter, latencyOf } from './committed-at';
import type { DecodedEvent } from './decode';
import type { EventStatus, InboxRow } from './inbox';
import { callHandler } from './handler-call';
import type { StoredMessageOptions } from './ports';
import { asUnavailable, KeyDelayed, serviceFailureOf } from './service-error';
import type { ConsumerSettings } from './settings';

/** Runs handlers, and commits their actions together with the records of the consumer. */
export class Committer {
  readonly #settings: ConsumerSettings;
  readonly #ports: ApplyPorts;

  constructor(settings: ConsumerSettings, ports: ApplyPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  async commit(
    attempt: Attempt<DecodedEvent>,
    row: InboxRow | undefined,
    status: EventStatus | undefined,
    stored?: StoredMessageOptions,
  ): Promise<AttemptResult> {
    const { clock, tableName } = this.#settings;
    const { view, writer, transactions, tracer } = this.#ports;
    const { content: event, isRepeated } = attempt;
    // Without versions, nothing shows whether later events were applied, so a dead letter that is sent again is late.
    const late = status === undefined ? stored?.resend !== undefined : status.kind !== 'new';
    const around = activeTraceContext()?.traceparent;
    const isApplied = await tracer.process([attempt], async () => {
      const call = { late, appliedAt: row?.appliedAt, around };
      const actions = await callHandler(this.#settings, attempt, call).catch((error: unknown) =>
        this.#handlerFailed(event, error),
      );
      const { own, state } = writer.appliedRecords(event, row, status, stored);
      checkUnit(actions, own, tableName);
      let result;
      try {
        result = await transactions.write([...actions, ...own], { alone: isRepeated });
      } catch (error) {
        throw await this.#commitFailed(event, error, actions.length);
      }
      if (outcomeOf(result, actions) === 'stale') return false;
      if (row !== undefined && state !== undefined) {
        view.written(event, row, state, appliedAfter(row.appliedAt, clock.now()));
      }
      return true;
    });
    if (!isApplied) return { kind: 'stale' };
    this.reportApplied(event);
    return APPLIED;
  }

  reportApplied(event: DecodedEvent): void {
    const { telemetry, clock } = this.#settings;
    telemetry.applied(event, latencyOf(event, clock.now()));
  }

  /** Classifies the error of a handler: a service that it calls may be unavailable, or the consumer's table may be. */
  async #handlerFailed(event: DecodedEvent, error: unknown): Promise<never> {
    const service = serviceFailureOf(error);
    const isOutage = this.#isOutage(error) ?? (service === 'throttled' || service === 'unavailable');
    if (isOutage) throw new KeyDelayed('service-unavailable', error);
    // A handler that waits for DynamoDB hangs if the network fails. The read then fails too, and no attempt counts.
    if (error instanceof OutboxError && error.is('handler-too-late')) await this.#ports.view.readRow(event);
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
  async #commitFailed(event: DecodedEvent, error: unknown, actions: number): Promise<unknown> {
    const { tableName } = this.#settings;
    const service = serviceFailureOf(error);
    if (service === undefined) return error;
    if (service === 'permanent' && actions === 0) {
      return asUnavailable(error, `Cannot commit to the consumer's table "${tableName}"`);
    }
    try {
      await this.#ports.view.readRow(event);
    } catch (readError) {
      return readError;
    }
    if (service !== 'permanent') return new KeyDelayed(service === 'throttled' ? service : 'not-committed', error);
    const advice = `. The consumer can read its own table "${tableName}", so a table or a permission of the handler is missing.`;
    return actionRejected(`the transaction of the handler's ${actions} actions`, namedMessageOf(error), error, {
      advice,
    });
  }
}
