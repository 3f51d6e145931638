import { isDeepStrictEqual } from 'node:util';
import { OutboxError } from '../event/errors';
import { gunzipData } from '../event/gzipped-data';
import { decodeItem, encodeItem, type Image } from '../event/item';
import { LIMITS } from '../event/item-rules';
import { parsePartitionKey } from '../event/key';
import { errorText, isRecord } from '../event/options';
import { versionOfPosition } from '../event/position';
import type { TransactionAction } from '../dynamodb/transaction';
import { actionsFailed, requestFailure, requestIdReused, type FailedCall } from './request-failure';
import { cancellationReasons, type CancellationReason } from '../dynamodb/refusals';
import { isThrottling } from '../dynamodb/sdk-error';

/** An action of the transaction with its cancellation reason. */
interface Refusal {
  readonly index: number;
  readonly action: TransactionAction | undefined;
  readonly reason: CancellationReason;
}

/**
 * Explains a failed `TransactWriteItems` as an `OutboxError` with the failure as its `cause`. Never throws.
 *
 * @param call - its actions in their order: cancellation reasons belong to them by index
 */
export function explainFailure(error: unknown, tableName: string, call: FailedCall): OutboxError {
  if (isOutboxError(error)) return error;
  const reasons = cancellationReasons(error);
  return reasons === undefined ? requestFailure(error, call) : cancelled(error, reasons, tableName, call);
}

function isOutboxError(error: unknown): error is OutboxError {
  try {
    return error instanceof OutboxError;
  } catch {
    // `instanceof` throws for a revoked proxy.
    return false;
  }
}

function cancelled(
  error: unknown,
  reasons: readonly CancellationReason[],
  tableName: string,
  { actions, requestId }: FailedCall,
): OutboxError {
  const refusals = reasons.map((reason, index): Refusal => ({ index, action: actions[index], reason }));
  const failed = (...codes: string[]): Refusal[] =>
    refusals.filter(({ reason: { Code } }) => codes.some((code) => code === Code));
  const common = (code: Parameters<typeof actionsFailed>[0], some: readonly Refusal[]): OutboxError | undefined =>
    some.length === 0
      ? undefined
      : actionsFailed(
          code,
          list(some),
          some.map(({ index }) => index),
          error,
        );

  const conditions = failed('ConditionalCheckFailed');
  const [rejected] = failed('ValidationError');
  const throttled = refusals.filter(({ reason: { Code } }) => isThrottling(Code));
  const [unknown] = refusals.filter(({ reason: { Code = 'None' } }) => Code !== 'None');

  // Permanent failures come before those that a retry may fix. The reason of the outbox action comes first: if an item
  // of this request exists already, the conditions on the business items fail too.
  return (
    own(conditions, tableName, requestId, error) ??
    (conditions[0] === undefined ? undefined : conditionFailed(conditions[0], error)) ??
    (rejected === undefined ? undefined : actionRejected(rejected, error)) ??
    common('item-collection-full', failed('ItemCollectionSizeLimitExceeded')) ??
    common('transaction-conflict', failed('TransactionConflict', 'TransactionConflictException')) ??
    common('throttled', throttled) ??
    (unknown === undefined ? requestRejected(error) : actionRejected(unknown, error))
  );
}

/** A cancellation writes nothing, whatever its reasons. */
function requestRejected(cause: unknown): OutboxError<'request-rejected'> {
  const name = 'TransactionCanceledException';
  const reason = errorText(cause);
  return new OutboxError(
    'request-rejected',
    `DynamoDB cancelled the transaction and gave no reason (${reason}). Nothing was written.`,
    { name, reason },
    { cause },
  );
}

/** The condition of an outbox action failed: another writer, or an earlier attempt, took its position. */
function own(
  conditions: readonly Refusal[],
  tableName: string,
  requestId: string | undefined,
  cause: unknown,
): OutboxError | undefined {
  const taken = conditions.flatMap(({ action, reason }) => {
    const item = action?.Put?.TableName === tableName ? action.Put.Item : undefined;
    if (item === undefined) return [];
    const found = parsePartitionKey(String(item['pk']));
    return found === undefined ? [] : [{ ...found, item, existing: reason.Item }];
  });
  for (const { aggregate, key, item, existing } of taken) {
    if (existing?.['id']?.S === undefined || existing['id'].S !== item['id']) continue;
    if (differs(existing, item)) return requestIdReused(requestId, cause);
    const id = existing['id'].S;
    return new OutboxError(
      'event-already-written',
      `Event "${id}" of key "${key}" of aggregate "${aggregate}" is written already, and the whole transaction with it: an earlier attempt of this request succeeded.`,
      { aggregate, key, id },
      { cause },
    );
  }
  for (const { aggregate, key, item } of taken) {
    const version = versionOfPosition(String(item['sk']));
    if (version === undefined) continue;
    return new OutboxError(
      'version-conflict',
      `Version ${version} of key "${key}" of aggregate "${aggregate}" is written already, by another writer or by an earlier call whose answer was lost. Read the aggregate again and decide on its present state.`,
      { aggregate, key, version },
      { cause },
    );
  }
  return undefined;
}

/** Whether an item with our id has other events; `false` if the relay dropped its events for lack of room. */
function differs(existing: Image, ours: Readonly<Record<string, unknown>>): boolean {
  if (existing['events'] === undefined) return false;
  try {
    return !isDeepStrictEqual(withPlainData(encodeItem(decodeItem(existing))), withPlainData(ours));
  } catch {
    // The stored events cannot be decoded, and ours can.
    return true;
  }
}

/**
 * The events with the bytes of their data. One attempt may have compressed the data and the other one not, or with
 * another version of zlib.
 */
function withPlainData({ events }: Readonly<Record<string, unknown>>): unknown {
  if (!Array.isArray(events)) return events;
  return events.map((event: unknown) => (isRecord(event) ? { ...event, data: plainBytes(event['data']) } : event));
}

function plainBytes(data: unknown): unknown {
  if (typeof data === 'string') return Buffer.from(data);
  const gzip = isRecord(data) ? data['gzip'] : undefined;
  const bytes = gzip instanceof Uint8Array ? gunzipData(gzip, LIMITS.gunzippedBytes) : data;
  return bytes instanceof Uint8Array ? Buffer.from(bytes) : bytes;
}

function conditionFailed({ index, reason: { Item } }: Refusal, cause: unknown): OutboxError<'condition-failed'> {
  return new OutboxError(
    'condition-failed',
    `The condition of action ${index} was not met, so nothing was written.`,
    { index, ...(isRecord(Item) ? { item: Item } : {}) },
    { cause },
  );
}

function actionRejected({ index, reason: { Code, Message } }: Refusal, cause: unknown): OutboxError<'action-rejected'> {
  const reason = Message ?? Code ?? 'no reason given';
  return new OutboxError(
    'action-rejected',
    `DynamoDB refused action ${index}: ${reason}`,
    { index, reason },
    { cause, retryable: Code !== undefined && SERVER_FAULTS.has(Code) },
  );
}

const SERVER_FAULTS: ReadonlySet<string> = new Set(['InternalServerError', 'ServiceUnavailable']);

const list = (refusals: readonly Refusal[]): string =>
  `action${refusals.length === 1 ? '' : 's'} ${refusals.map(({ index }) => index).join(', ')}`;
