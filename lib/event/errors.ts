/** What each code carries, so that a caller can act on the numbers without reading the message. */
export interface OutboxErrorDetails {
  'invalid-option': { option: string; got: unknown; allowed: string };
  'invalid-aggregate': { aggregate: unknown };
  'invalid-key': { key: unknown; bytes?: number; maxBytes?: number };
  'invalid-version': { version: unknown };
  'unknown-event-type': { type: unknown; known: readonly string[] };
  'invalid-event-data': { type: string; issues: readonly { path: string; message: string }[] };
  'invalid-event': { index: number; field: string; got: unknown; allowed: string };
  'no-events': { aggregate: string; key: string };
  'too-many-events': { got: number; max: number };
  'message-too-large': { type: string; topic: string; bytes: number; maxBytes: number };
  'item-too-large': { pk: string; bytes: number; maxBytes: number };
  'action-too-large': { index: number; table: string; bytes: number; maxBytes: number };
  'too-many-actions': { got: number; max: number };
  'transaction-too-large': { bytes: number; maxBytes: number };
  'duplicate-action': { table: string; key: string; indexes: readonly number[] };
  'duplicate-change': { aggregate: string; key: string; indexes: readonly number[] };
  'duplicate-event-id': { id: string; indexes: readonly number[] };
  'committed-at-required': { requestId: string };
  'version-conflict': { aggregate: string; key: string; version: number };
  'event-already-written': { aggregate: string; key: string; id: string };
  'condition-failed': { index: number; item?: Record<string, unknown> };
  'transaction-conflict': { indexes: readonly number[] };
  throttled: { indexes: readonly number[] };
  'item-collection-full': { indexes: readonly number[] };
  'entry-rejected': { index: number; reason: string };
  'request-id-reused': { requestId: string };
  'transaction-in-progress': { requestId?: string };
  'outcome-unknown': { name: string; reason: string };
  'access-denied': { name: string; reason: string };
  'request-rejected': { name: string; reason: string };
  'nested-too-deep': { maxLevels: number };
  'undecodable-item': { pk: string; sk: string; field: string };
  'undecodable-signal': { pk: string; sk: string; field: string };
  'operation-refused': { operation: string; why: string };
  'invalid-effects': { type: string; got: unknown };
  'unreadable-event': { type: string; reason: string };
  'lost-identity': { id: string; sequence?: string };
  'handler-too-late': { type: string; timeoutMs: number };
  'emitted-too-late': { type: string };
  'batch-unfinished': { places: readonly string[] };
  'no-longer-known': { consumer: string; topics: readonly string[] };
  'not-applied-in-time': { consumer: string; topics: readonly string[]; timeoutMs: number };
  'not-simulated': { what: string };
  /** `partitions`: it is in one of these, as `<topic>-<partition>`. */
  'service-unavailable': { service: 'Kafka' | 'DynamoDB'; place: string; action: string; why: string };
  /** `partition` and `offset`: where the reading stopped; missing when nothing of the topic could be read. */
  'topic-unreadable': { topic: string; partition?: number; offset?: string; why: string };
  'topic-missing': { topics: readonly string[] };
  /** `bytes`: of the message, uncompressed. `maxBytes`: what the topic takes, if that could be read. */
  'dead-letter-too-large': { topic: string; receipt: string; bytes: number; maxBytes?: number };
  'unreadable-batch': { codec: string; why: string; partitions?: readonly string[] };
  'invalid-environment': { variable: string; got: string | undefined; allowed: string };
}

/** What went wrong: the keys of {@link OutboxErrorDetails}. */
export type OutboxErrorCode = keyof OutboxErrorDetails;

/** Codes after which the same call can succeed, unless the place that throws decides otherwise. */
const RETRYABLE: ReadonlySet<OutboxErrorCode> = new Set([
  'transaction-conflict',
  'throttled',
  'not-applied-in-time',
  'batch-unfinished',
  'topic-missing',
  'service-unavailable',
]);

/**
 * The one error class of this package: branch on `code`, read `details`.
 *
 * `retryable` says whether it is safe and makes sense to repeat the same call after a pause. The call that failed wrote
 * nothing, with three exceptions: after `outcome-unknown` and `transaction-in-progress` it may have written everything or
 * may still do so, and they are retryable only with a `requestId`, which makes the repetition the same request;
 * `event-already-written` says that an earlier attempt of the same request had written everything.
 *
 * @example
 * ```ts
 * try {
 *   await outbox.transact(client, { actions, changes });
 * } catch (error) {
 *   if (error instanceof OutboxError && error.is('version-conflict')) {
 *     console.log('somebody else wrote version', error.details.version);
 *   } else throw error;
 * }
 * ```
 */
export class OutboxError<C extends OutboxErrorCode = OutboxErrorCode> extends Error {
  override readonly name = 'OutboxError';
  readonly code: C;
  readonly details: OutboxErrorDetails[C];
  readonly retryable: boolean;

  constructor(
    code: C,
    message: string,
    details: OutboxErrorDetails[C],
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = details;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
  }

  /** Narrows to one code, and `details` with it. */
  is<D extends OutboxErrorCode>(code: D): this is OutboxError<D> {
    const own: OutboxErrorCode = this.code;
    return own === code;
  }
}

/** What was thrown, as a text for a person. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
