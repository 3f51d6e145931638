import { isDeepStrictEqual } from 'node:util';
import type { EventDefinition } from '../event/catalogue';
import { dataOfValue, isJsonType, DEFAULT_CONTENT_TYPE } from '../event/item';
import { OutboxError } from '../event/errors';
import { errorText, isRecord, shown } from '../event/options';
import { issueKeys, issuePath, issueText, pathText, type StandardResult } from '../event/standard-schema';
import { field, isTransient } from '../dynamodb/sdk-error';
import { jsonText, type JsonIssue } from './json-text';

/**
 * Returns the data to send: the schema's output, as JSON text if the content type is JSON, otherwise unchanged.
 *
 * An output of `undefined` means no data: a tombstone on a compacted topic.
 *
 * @throws OutboxError `invalid-event-data` if the schema refuses `data` or throws, if the content type cannot hold the
 * output, or if a consumer with the same schema could not read it, or would read another value.
 */
export async function eventData(
  type: string,
  definition: EventDefinition,
  data: unknown,
): Promise<string | Uint8Array | undefined> {
  const { contentType = DEFAULT_CONTENT_TYPE } = definition;
  // Taken before validation: the schema may change `data` in place.
  const given = isJsonType(contentType) ? jsonOf(data) : undefined;
  const result = await validated(type, definition, data);
  if (result.issues !== undefined) {
    return refuse(
      type,
      result.issues.map((issue) => ({ path: issuePath(issue), message: issue.message })),
    );
  }
  const { value } = result;
  const written = value === undefined ? undefined : encode(type, contentType, value);
  const read = written === undefined ? undefined : readBack(type, written, contentType);
  // If the written data equals `data`, the schema has just accepted this value and would accept it again.
  const isUnchanged = !isJsonType(contentType) || given === written;
  if (!isUnchanged || !isDeepStrictEqual(read, data)) await checkReadable(type, definition, value, read);
  return written;
}

/**
 * `data` as JSON, only for the comparison with the written text; the caller also compares `data` itself. `undefined` if
 * JSON cannot represent `data`, which the schema may still turn into a value that JSON can.
 */
function jsonOf(data: unknown): string | undefined {
  try {
    return JSON.stringify(data);
  } catch {
    return undefined;
  }
}

async function validated(type: string, { schema }: EventDefinition, data: unknown): Promise<StandardResult<unknown>> {
  let result: unknown;
  try {
    result = await schema['~standard'].validate(data);
  } catch (error) {
    if (error instanceof OutboxError) throw error;
    // V8 throws a RangeError on a stack overflow: the data is nested deeper than the schema can follow.
    const message =
      error instanceof RangeError
        ? `is nested too deeply for its schema: ${error.message}`
        : `the schema throws instead of returning issues: ${errorText(error)}`;
    throw invalid(type, [{ path: '', message }], { cause: error, retryable: isTransient(error) });
  }
  return isResult(result) ? result : refuse(type, [{ path: '', message: noResult(result) }]);
}

const noResult = (result: unknown): string =>
  `the schema returns ${shown(result)} instead of { value } or { issues: [{ message, path }] }, as Standard Schema requires`;

/** Arktype's failures are arrays with `issues`. */
function isResult(result: unknown): result is StandardResult<unknown> {
  if (typeof result !== 'object' || result === null) return false;
  const issues = field(result, 'issues');
  return issues === undefined ? 'value' in result : Array.isArray(issues) && issues.length > 0 && issues.every(isIssue);
}

const isIssue = (issue: unknown): boolean =>
  isRecord(issue) &&
  typeof issue['message'] === 'string' &&
  (issue['path'] === undefined || (Array.isArray(issue['path']) && issue['path'].every(isPathSegment)));

const isPathSegment = (segment: unknown): boolean => {
  const key = isRecord(segment) ? segment['key'] : segment;
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'symbol';
};

function encode(type: string, contentType: string, value: unknown): string | Uint8Array {
  if (isJsonType(contentType)) {
    const json = jsonText(value);
    return 'issues' in json ? refuse(type, json.issues) : json.text;
  }
  // A copy: the caller may reuse its buffer before the transaction is sent.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value === 'string' && value.isWellFormed()) return value;
  const message =
    typeof value === 'string'
      ? 'is not well-formed Unicode'
      : `is ${shown(value)}, but with content type "${contentType}" it must be a string or bytes`;
  return refuse(type, [{ path: '', message }]);
}

function readBack(type: string, written: string | Uint8Array, contentType: string): unknown {
  try {
    // Consumers get a Buffer.
    return dataOfValue(typeof written === 'string' ? written : Buffer.from(written), contentType);
  } catch (cause) {
    const message = `are bytes that are not UTF-8, as which consumers read content type "${contentType}"`;
    return refuse(type, [{ path: '', message }], cause);
  }
}

const READ_BACK =
  'Consumers validate what was written with the same schema, so the schema must take what it gives. Declare what JSON holds, such as z.iso.datetime() instead of z.date(), or take both, as z.coerce.date() does, and transform data before the call';

/** Validates the written data as a consumer does, and compares the result. */
async function checkReadable(type: string, { schema }: EventDefinition, output: unknown, read: unknown): Promise<void> {
  let result: unknown;
  // A copy: the schema may change its input in place.
  const kept = plain(read);
  try {
    result = await schema['~standard'].validate(read);
  } catch (cause) {
    const message = `the schema gave ${described(output)} and throws when it reads ${described(kept)} (${errorText(cause)})`;
    return refuse(type, [{ path: '', message }], cause, READ_BACK);
  }
  if (!isResult(result)) return refuse(type, [{ path: '', message: noResult(result) }], undefined, READ_BACK);
  if (result.issues !== undefined) {
    const issues = result.issues.map((issue) => {
      const keys = issueKeys(issue);
      const [gave, found] = [at(output, keys), at(kept, keys)];
      return {
        path: pathText(keys),
        message: `the schema gave ${described(gave)}, which is written as ${described(found)}; it refuses that: ${issue.message}`,
      };
    });
    return refuse(type, issues, undefined, READ_BACK);
  }
  const again = plain(result.value);
  const path = difference(kept, again, []);
  if (path === undefined) return;
  const message = `is written as ${described(at(kept, path))}, and the schema makes ${described(at(again, path))} of it when it is read`;
  return refuse(type, [{ path: pathText(path), message }], undefined, READ_BACK);
}

const described = (value: unknown): string => (value instanceof Date ? `the Date ${shown(value)}` : shown(value));

/** `value` after a round trip through JSON, so that a Date compares as its text. */
function plain(value: unknown): unknown {
  if (value === undefined || value instanceof Uint8Array) return value;
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return value;
  }
}

function at(value: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (each, key) =>
      typeof each === 'object' && each !== null ? (each as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

/** The path of the first difference between two JSON values; `undefined` if they are equal. */
function difference(a: unknown, b: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] | undefined {
  if (isDeepStrictEqual(a, b)) return undefined;
  const both = (Array.isArray(a) && Array.isArray(b)) || (isRecord(a) && isRecord(b) && !(a instanceof Uint8Array));
  if (!both) return path;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const key = [...Object.keys(left), ...Object.keys(right)].find((each) => !isDeepStrictEqual(left[each], right[each]));
  if (key === undefined) return path;
  return difference(left[key], right[key], [...path, Array.isArray(a) ? Number(key) : key]);
}

function refuse(type: string, issues: readonly JsonIssue[], cause?: unknown, advice = ''): never {
  throw invalid(type, issues, cause === undefined ? {} : { cause }, advice);
}

const invalid = (
  type: string,
  issues: readonly JsonIssue[],
  options: { readonly cause?: unknown; readonly retryable?: boolean },
  advice = '',
): OutboxError<'invalid-event-data'> =>
  new OutboxError(
    'invalid-event-data',
    `The data of event "${type}" is not valid. ${issueText(issues)}.${advice === '' ? '' : ` ${advice}.`}`,
    { type, issues },
    options,
  );
