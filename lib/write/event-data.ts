import type { EventDefinition } from '../event/catalogue';
import { isJsonType } from '../event/content-type';
import { OutboxError } from '../event/errors';
import { DEFAULT_CONTENT_TYPE } from '../event/item';
import { shown } from '../event/options';
import { issuePath, issueText } from '../event/standard-schema';
import { jsonText } from './json-text';

/**
 * What is sent for `data`: the schema's output, as JSON where the content type is one, and otherwise as it is.
 *
 * An output of `undefined` is no data at all: a tombstone on a compacted topic.
 */
export async function eventData(
  type: string,
  { schema, contentType = DEFAULT_CONTENT_TYPE }: EventDefinition,
  data: unknown,
): Promise<string | Uint8Array | undefined> {
  const result = await schema['~standard'].validate(data);
  if (result.issues !== undefined) {
    return refuse(
      type,
      result.issues.map((issue) => ({ path: issuePath(issue), message: issue.message })),
    );
  }
  const { value } = result;
  if (value === undefined) return undefined;
  if (!isJsonType(contentType)) return rawData(type, contentType, value);
  const json = jsonText(value);
  return 'issues' in json ? refuse(type, json.issues) : json.text;
}

function rawData(type: string, contentType: string, value: unknown): string | Uint8Array {
  // A copy: the caller may use its buffer again before the transaction is sent.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value === 'string' && value.isWellFormed()) return value;
  const message =
    typeof value === 'string'
      ? 'is not well-formed Unicode'
      : `is ${shown(value)}, but with content type "${contentType}" it must be a string or bytes`;
  return refuse(type, [{ path: '', message }]);
}

function refuse(type: string, issues: readonly { path: string; message: string }[]): never {
  throw new OutboxError('invalid-event-data', `The data of event "${type}" is not valid. ${issueText(issues)}.`, {
    type,
    issues,
  });
}
