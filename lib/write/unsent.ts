import { OutboxError } from '../event/errors';
import { isPlainObject, isRecord, shown } from '../event/options';
import { pathText } from '../event/standard-schema';
import type { TransactionAction } from '../dynamodb/transaction';
import { isTransient, readSdkError } from '../dynamodb/sdk-error';

/** The messages of `@aws-sdk/util-dynamodb` for values that it cannot encode. Its errors have no names of their own. */
const UNENCODABLE =
  /^(?:Pass options\.(?:removeUndefinedValues|convertEmptyValues)|Pass a non-empty set|Unsupported type passed|Special numeric value|Only Number Set|Number .* is (?:greater|lesser) than Number\.|.*options\.convertClassInstanceToMap)/;
const MISCONFIGURED = /\b(?:region|endpoint|url|hostname)\b/i;
const BUGS: ReadonlySet<string> = new Set(['TypeError', 'ReferenceError', 'SyntaxError', 'RangeError']);
/** Errors of AWS STS and IAM Identity Center that a retry repeats. After other credential errors it may succeed. */
const REFUSED_CREDENTIALS =
  /AccessDenied|Unauthorized|Forbidden|InvalidIdentityToken|IDPRejectedClaim|RegionDisabled|InvalidClientTokenId|SignatureDoesNotMatch|Validation/;

/** Whether the SDK failed while it encoded the attributes, which happens before it sends anything. */
export const isUnencodable = (error: unknown): boolean => {
  const { reason, status } = readSdkError(error);
  return status === undefined && UNENCODABLE.test(reason);
};

/** The failure of a call whose client sent nothing. Nothing is written, whatever the error is. */
export function unsentFailure(cause: unknown, actions: readonly TransactionAction[]): OutboxError {
  const { name, reason } = readSdkError(cause);
  const about = { name, reason };
  if (isUnencodable(cause)) return unencodable(cause, reason, actions) ?? refused(about, cause);
  const retryable = isTransient(cause);
  if (!retryable && MISCONFIGURED.test(reason)) return refused(about, cause);
  return new OutboxError(
    'access-denied',
    `The client sent nothing, as if it has no credentials (${name}: ${reason}). Nothing was written. Check where the credentials of the client come from.`,
    about,
    { cause, retryable: retryable || !(BUGS.has(name) || REFUSED_CREDENTIALS.test(name)) },
  );
}

const refused = (
  about: { readonly name: string; readonly reason: string },
  cause: unknown,
): OutboxError<'request-rejected'> =>
  new OutboxError(
    'request-rejected',
    `The client did not send the call (${about.name}: ${about.reason}). Nothing was written. Check region, endpoint and options of the client, and the actions of the transaction.`,
    about,
    { cause },
  );

function unencodable(
  cause: unknown,
  reason: string,
  actions: readonly TransactionAction[],
): OutboxError<'action-rejected'> | undefined {
  for (const [index, action] of actions.entries()) {
    const path = pathOrNothing(action);
    if (path === undefined) continue;
    const value = path.reduce<unknown>((each, key) => (each as Record<PropertyKey, unknown>)[key], action);
    return new OutboxError(
      'action-rejected',
      `The client cannot encode ${pathText(path)} of action ${index}, which is ${shown(value)} (${reason}). Nothing was sent.`,
      { index, reason },
      { cause },
    );
  }
  return undefined;
}

/** `toOutboxError` does not check its actions: they may contain themselves, or be no actions at all. */
function pathOrNothing(action: TransactionAction): readonly PropertyKey[] | undefined {
  try {
    return unencodablePath(action);
  } catch {
    return undefined;
  }
}

/** The path of the first value that the SDK does not encode by default. */
function unencodablePath(action: TransactionAction): readonly PropertyKey[] | undefined {
  for (const operation of ['Put', 'Update', 'Delete', 'ConditionCheck'] as const) {
    const parts = action[operation] as Readonly<Record<string, unknown>> | undefined;
    for (const part of ['Item', 'Key', 'ExpressionAttributeValues']) {
      const found = findIn(parts?.[part] ?? {}, [operation, part]);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function findIn(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] | undefined {
  if (isEncodable(value)) return undefined;
  const isList = Array.isArray(value);
  if (!isList && !isPlainObject(value)) return path;
  for (const key of Object.keys(value)) {
    const found = findIn((value as Record<string, unknown>)[key], [...path, isList ? Number(key) : key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether the SDK encodes a value without nested values. Earlier checks limit the depth of nested values. */
function isEncodable(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
    case 'object':
      if (value instanceof Set) return value.size > 0 && [...(value as Set<unknown>)].every(isEncodable);
      return (
        value === null ||
        ArrayBuffer.isView(value) ||
        value instanceof ArrayBuffer ||
        // The SDK's NumberValue.
        (isRecord(value) && !isPlainObject(value) && Object.keys(value).join() === 'value')
      );
    default:
      return ['string', 'boolean', 'bigint'].includes(typeof value);
  }
}
