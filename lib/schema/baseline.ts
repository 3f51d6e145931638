import { OutboxError } from '../event/errors';
import { oldestReadable } from '../event/event-version';
import { isRecord } from '../event/options';
import type { DataSchemas, DescribedCatalogue, DescribedType } from './describe';
import { isJsonSchema, isSameJson, stableJson } from './json-schema';

/** The schemas of one version of a type at the time of a snapshot. */
export interface SchemaRevision extends DataSchemas {
  readonly version: number;
}

/** The recorded state of one type. */
export interface RecordedType {
  readonly contentType: string;
  readonly upcasters: readonly number[];
  /** From the oldest version that can still be read to the newest. */
  readonly revisions: readonly SchemaRevision[];
}

/** The last recorded state of a catalogue: a file that is committed with it. */
export type Baseline = Readonly<Record<string, RecordedType>>;

const FORMAT = 1;

/** A recorded type without revisions: nothing was written, and no value is accepted. */
const NEVER: SchemaRevision = { version: 0, writes: false, reads: false };

export const latest = ({ revisions }: RecordedType): SchemaRevision => revisions.at(-1) ?? NEVER;

/** Returns the baseline after `current` is recorded. It drops revisions older than the oldest readable version. */
export const record = (baseline: Baseline, current: DescribedCatalogue): Baseline =>
  Object.fromEntries(Object.entries(current).map(([type, described]) => [type, recordType(baseline[type], described)]));

function recordType(recorded: RecordedType | undefined, described: DescribedType): RecordedType {
  const { version, contentType, upcasters, writes, reads } = described;
  const oldest = oldestReadable({ version, upcasters: Object.fromEntries(upcasters.map((each) => [each, ignored])) });
  const newest = { version, writes, reads };
  const earlier = (recorded?.revisions ?? []).filter((each) => each.version >= oldest && !isSameJson(each, newest));
  return { contentType, upcasters, revisions: [...earlier, newest] };
}

const ignored = (): void => undefined;

/** Returns the text of the file. Keys are sorted, so the same catalogue always produces the same text. */
export function printBaseline(baseline: Baseline): string {
  const types = Object.fromEntries(
    Object.entries(baseline).map(([type, { contentType, upcasters, revisions }]) => [
      type,
      {
        contentType,
        upcasters,
        revisions: revisions.map(({ version, writes, reads }) =>
          isSameJson(writes, reads) ? { version, writes } : { version, writes, reads },
        ),
      },
    ]),
  );
  return `${stableJson({ format: FORMAT, types }, 2)}\n`;
}

/**
 * Reads the text that {@link printBaseline} returned.
 *
 * @param name - the file's name, for the error
 * @throws OutboxError `operation-refused`, naming the problem.
 */
export function parseBaseline(text: string, name: string): Baseline {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return refuse(name, 'it is not JSON');
  }
  if (!isRecord(document) || document['format'] !== FORMAT) {
    return refuse(name, `"format" is not ${FORMAT}: it was written by another version of this command`);
  }
  const { types } = document;
  if (!isRecord(types)) return refuse(name, '"types" is missing');
  return Object.fromEntries(
    Object.entries(types).map(([type, value]) => [
      type,
      readType(value) ?? refuse(name, `"${type}" is not as it was written`),
    ]),
  );
}

function readType(value: unknown): RecordedType | undefined {
  if (!isRecord(value)) return undefined;
  const { contentType, upcasters, revisions } = value;
  if (typeof contentType !== 'string' || !isList(upcasters, Number.isSafeInteger)) return undefined;
  if (!Array.isArray(revisions)) return undefined;
  const read = revisions.map(readRevision);
  const isWhole = read.length > 0 && read.every((each) => each !== undefined);
  return isWhole ? { contentType, upcasters: upcasters as number[], revisions: read } : undefined;
}

function readRevision(value: unknown): SchemaRevision | undefined {
  if (!isRecord(value)) return undefined;
  const { version, writes, reads = writes } = value;
  const isRevision = Number.isSafeInteger(version) && isJsonSchema(writes) && isJsonSchema(reads);
  return isRevision ? { version: Number(version), writes, reads } : undefined;
}

const isList = (value: unknown, isElement: (each: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.every(isElement);

function refuse(name: string, what: string): never {
  const why = `${name} cannot be read: ${what}. Restore it from version control; do not edit it.`;
  throw new OutboxError('operation-refused', `schema: ${why}`, { operation: 'schema', why });
}
