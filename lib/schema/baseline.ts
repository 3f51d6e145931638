import { OutboxError } from '../event/errors';
import { isRecord } from '../event/options';
import type { DataSchemas, DescribedCatalogue } from './describe';
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
export type SchemaBaseline = Readonly<Record<string, RecordedType>>;

const FORMAT = 1;

/** A recorded type without revisions: nothing was written, and no value is accepted. */
const NEVER: SchemaRevision = { version: 0, writes: false, reads: false };

export const latest = ({ revisions }: RecordedType): SchemaRevision => revisions.at(-1) ?? NEVER;

export const recordedType = (baseline: SchemaBaseline, type: string): RecordedType | undefined =>
  Object.hasOwn(baseline, type) ? baseline[type] : undefined;

/** Returns the baseline after `catalogue` is recorded. It drops revisions older than the oldest readable version. */
export const record = (baseline: SchemaBaseline, catalogue: DescribedCatalogue): SchemaBaseline =>
  Object.fromEntries(
    [...catalogue].map(([type, { version, oldestReadable, contentType, upcasters, writes, reads }]) => {
      const newest = { version, writes, reads };
      const earlier = (recordedType(baseline, type)?.revisions ?? []).filter(
        (each) => each.version >= oldestReadable && !isSameJson(each, newest),
      );
      return [type, { contentType, upcasters, revisions: [...earlier, newest] }];
    }),
  );

/** Returns the text of the file. Keys are sorted, so the same catalogue always produces the same text. */
export function printBaseline(baseline: SchemaBaseline): string {
  const types = Object.entries(baseline).map(([type, { revisions, ...rest }]) => {
    const short = revisions.map(({ writes, reads, version }) =>
      isSameJson(writes, reads) ? { version, writes } : { version, writes, reads },
    );
    return [type, { ...rest, revisions: short }] as const;
  });
  return `${stableJson({ format: FORMAT, types: Object.fromEntries(types) }, 2)}\n`;
}

/**
 * Reads the text that {@link printBaseline} returned.
 *
 * @param name - the file's name, for the error
 * @throws OutboxError `operation-refused`, naming the problem.
 */
export function parseBaseline(text: string, name: string): SchemaBaseline {
  const refuse = (problem: string): never => {
    const why = `${name} cannot be read: ${problem}. Restore it from version control; do not edit it.`;
    throw new OutboxError('operation-refused', `schema: ${why}`, { operation: 'schema', why });
  };
  let document: unknown;
  try {
    document = JSON.parse(text, (_, value: unknown) => {
      if (value === Infinity || value === -Infinity) throw new RangeError('it has a number that is too large');
      return value;
    });
  } catch (error) {
    return refuse(error instanceof RangeError ? error.message : 'it is not JSON');
  }
  if (!isRecord(document) || document['format'] !== FORMAT) {
    return refuse(`"format" is not ${FORMAT}, so another version of this command wrote the file`);
  }
  const { types } = document;
  if (!isRecord(types)) return refuse('"types" is missing');
  return Object.fromEntries(
    Object.entries(types).map(([type, value]) => [type, parseType(value) ?? refuse(`"${type}" is not valid`)]),
  );
}

function parseType(value: unknown): RecordedType | undefined {
  if (!isRecord(value)) return undefined;
  const { contentType, upcasters, revisions } = value;
  if (typeof contentType !== 'string' || !Array.isArray(upcasters) || !Array.isArray(revisions)) return undefined;
  const versions: readonly unknown[] = upcasters;
  const parsed = revisions.map(parseRevision);
  if (parsed.length === 0 || !parsed.every((each) => each !== undefined)) return undefined;
  return versions.every(isVersion) ? { contentType, upcasters: versions, revisions: parsed } : undefined;
}

function parseRevision(value: unknown): SchemaRevision | undefined {
  if (!isRecord(value)) return undefined;
  const { version, writes, reads = writes } = value;
  return isVersion(version) && isJsonSchema(writes) && isJsonSchema(reads) ? { version, writes, reads } : undefined;
}

const isVersion = (value: unknown): value is number => Number.isSafeInteger(value);
