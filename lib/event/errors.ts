/** The details of each code, so that a caller can use the values without parsing the message. */
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
  'action-rejected': { index: number; reason: string };
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
  'service-unavailable': { service: 'Kafka' | 'DynamoDB'; place: string; action: string; why: string };
  /** `partition` and `offset`: where reading stopped; left out if no message of the topic could be read. */
  'topic-unreadable': { topic: string; partition?: number; offset?: string; why: string };
  'topic-missing': { topics: readonly string[] };
  /** `bytes`: size of the message, uncompressed. `maxBytes`: limit of the topic, if that could be read. */
  'dead-letter-too-large': { topic: string; receipt: string; bytes: number; maxBytes?: number };
  /** `partitions`: the batch is in one of these, as `<topic>-<partition>`. */
  'unreadable-batch': { codec: string; why: string; partitions?: readonly string[] };
  'invalid-environment': { variable: string; got: string | undefined; allowed: string };
}

/** The code of an {@link OutboxError}: a key of {@link OutboxErrorDetails}. */
export type OutboxErrorCode = keyof OutboxErrorDetails;

/** Codes after which the same call can succeed, unless the throwing code decides otherwise. */
const RETRYABLE: ReadonlySet<OutboxErrorCode> = new Set([
  'transaction-conflict',
  'throttled',
  'not-applied-in-time',
  'batch-unfinished',
  'topic-missing',
  'service-unavailable',
]);

/**
 * The only error class of this package: branch on `code`, read `details`.
 *
 * `retryable`: whether it is safe and useful to repeat the same call after a pause. The failed call wrote nothing, with
 * three exceptions. After `outcome-unknown` and `transaction-in-progress` it may have written everything or may still
 * do so; these are retryable only with a `requestId`, which makes the repetition the same request. After
 * `event-already-written` an earlier attempt of the same request has written everything.
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

  /** Narrows the error to one code, and `details` with it. */
  is<D extends OutboxErrorCode>(code: D): this is OutboxError<D> {
    const own: OutboxErrorCode = this.code;
    return own === code;
  }
}

/** The text of a thrown value, for people. `errorText` is for values of foreign code, whose getters may throw. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** As {@link messageOf}, with the name of the error: `TimeoutError: …`. */
export const namedMessageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);
