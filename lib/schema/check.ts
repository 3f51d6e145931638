import { type EventCatalogue, FIRST_VERSION, oldestReadable } from '../event/catalogue';
import { latest, record, recordedType, type SchemaBaseline, type RecordedType } from './baseline';
import { incompatibilities } from './compatibility';
import { describeCatalogue, type DescribedCatalogue, type DescribedType } from './describe';
import { isSameJson } from './json-schema';

/**
 * Which schema must read which data, in the terms of Confluent's schema registry. `BACKWARD`: the new schema reads data
 * that was written with the recorded one. `FORWARD`: the recorded schema reads data that is written with the new one.
 * `FULL`: both. `…_TRANSITIVE`: with every recorded revision of the same version, not only with the last one.
 */
export const SCHEMA_COMPATIBILITIES = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const;
/** One of {@link SCHEMA_COMPATIBILITIES}. */
export type SchemaCompatibility = (typeof SCHEMA_COMPATIBILITIES)[number];
export const DEFAULT_COMPATIBILITY: SchemaCompatibility = 'FULL';

/**
 * The kind of a problem in a changed catalogue.
 *
 * `incompatible`: a reader would refuse data, at `path`, by `rule`. `own-data`: a schema does not accept its own output.
 * `content-type`: data is encoded in another way. `upcaster-missing`: the version was raised, but the recorded version
 * has no upcaster. `upcaster-removed`: a version can no longer be read. `upcaster-needed`: the table holds events of a
 * version that cannot be read. `version-lowered`, `type-removed`: the recorded version or type is gone. `topic-changed`:
 * a document names another topic than the earlier one. `header-removed`: a document no longer promises a header. A
 * baseline has neither topics nor headers. `not-recorded`: the change breaks nothing, but it must be recorded, or the
 * next change is compared with the wrong baseline.
 */
export type SchemaFindingKind =
  | 'incompatible'
  | 'own-data'
  | 'content-type'
  | 'upcaster-missing'
  | 'upcaster-removed'
  | 'upcaster-needed'
  | 'version-lowered'
  | 'type-removed'
  | 'topic-changed'
  | 'header-removed'
  | 'not-recorded';

/** One problem in a changed catalogue. */
export interface SchemaFinding {
  readonly kind: SchemaFindingKind;
  readonly type: string;
  readonly message: string;
  /** The affected version. */
  readonly version: number;
  /** Only with `incompatible`. */
  readonly mode?: 'BACKWARD' | 'FORWARD';
  /** The place in the data, such as `$.lines[].price`. Only with `incompatible` and `own-data`. */
  readonly path?: string;
  /** The JSON Schema keyword that is violated. Only with `incompatible` and `own-data`. */
  readonly rule?: string;
}

/** Number of events of one `ce_type` in a table, by state. */
export interface StoredType {
  readonly ceType: string;
  /** Not yet published. */
  readonly pending: number;
  /** Published once an operator releases them. */
  readonly parked: number;
  /** Published. A replay can publish them again until they expire. */
  readonly processed: number;
}

/** The same counts, matched with a catalogue. */
export interface MatchedStoredType extends StoredType {
  /** Missing if the catalogue does not have the type: another catalogue may have it. */
  readonly type?: string;
  readonly version?: number;
  /** Whether a consumer with this catalogue can read these events. */
  readonly isReadable: boolean;
}

/** How strict the check is, and what the table holds. */
export interface SchemaCheckOptions {
  /** The direction in which schemas must be compatible. Default: `FULL`. */
  readonly compatibility?: SchemaCompatibility;
  /** The types in the outbox table, from `countStoredTypes`. Default: unknown, so no upcaster may be removed. */
  readonly stored?: readonly StoredType[];
}

/** The result of a comparison with the baseline. */
export interface SchemaReport {
  readonly compatibility: SchemaCompatibility;
  readonly types: number;
  /** Empty if every type is compatible and recorded. */
  readonly findings: readonly SchemaFinding[];
  /** The types in the table, matched with this catalogue. Left out unless `stored` was given. */
  readonly stored?: readonly MatchedStoredType[];
  /** The baseline to record if the change is accepted. */
  readonly baseline: SchemaBaseline;
}

/**
 * Compares a catalogue with its recorded baseline. Uses neither files nor services.
 *
 * @param baseline - from `parseBaseline`; `{}` for a catalogue that was never recorded
 * @throws OutboxError `operation-refused`, naming every type whose schema provides no JSON Schema.
 */
export function checkSchemas(
  catalogue: EventCatalogue,
  baseline: SchemaBaseline,
  options: SchemaCheckOptions = {},
): SchemaReport {
  const { compatibility = DEFAULT_COMPATIBILITY, stored } = options;
  const described = describeCatalogue(catalogue);
  const matched = stored?.map((each) => matchWith(catalogue, each));
  const findings = checkTypes(described, baseline, { compatibility, stored: matched });
  return { compatibility, types: described.size, findings, stored: matched, baseline: record(baseline, described) };
}

interface TypeCheckOptions {
  readonly compatibility: SchemaCompatibility;
  readonly stored?: readonly MatchedStoredType[];
}

/** Compares types by the rules of {@link checkSchemas}, wherever their descriptions come from. */
export function checkTypes(
  described: DescribedCatalogue,
  baseline: SchemaBaseline,
  { compatibility, stored }: TypeCheckOptions,
): readonly SchemaFinding[] {
  const types = [...new Set([...described.keys(), ...Object.keys(baseline)])].toSorted();
  return types.flatMap((type) => {
    const recorded = recordedType(baseline, type);
    const storedOfType = stored?.filter((each) => each.type === type);
    return checkType(described.get(type), recorded, compatibility, storedOfType).map((each) => ({ type, ...each }));
  });
}

/** An unknown type is no error: a table may have several catalogues. */
function matchWith(catalogue: EventCatalogue, stored: StoredType): MatchedStoredType {
  const resolved = catalogue.resolve(stored.ceType);
  if (resolved?.version === undefined) return { ...stored, isReadable: false };
  const { type, version, definition } = resolved;
  const isReadable = version >= oldestReadable(definition) && version <= (definition.version ?? FIRST_VERSION);
  return { ...stored, type, version, isReadable };
}

type TypeFinding = Omit<SchemaFinding, 'type'>;

function checkType(
  current: DescribedType | undefined,
  recorded: RecordedType | undefined,
  compatibility: SchemaCompatibility,
  stored: readonly MatchedStoredType[] | undefined,
): readonly TypeFinding[] {
  if (current === undefined) {
    const message = 'is recorded, but no longer in the catalogue: its readers would meet an unknown type';
    return recorded === undefined ? [] : [{ kind: 'type-removed', version: latest(recorded).version, message }];
  }
  const { version, upcasters, contentType, writes, reads } = current;
  const findings: TypeFinding[] = [];
  for (const { message, ...place } of incompatibilities(writes, reads)) {
    findings.push({ kind: 'own-data', version, ...place, message: `${message}: the schema refuses its own output` });
  }
  for (const { isReadable, version = 0, pending, parked, processed } of stored ?? []) {
    if (isReadable) continue;
    const message = `has ${pending} pending, ${parked} parked and ${processed} processed events of version ${version} in the table, which this catalogue cannot read`;
    findings.push({ kind: 'upcaster-needed', version, message });
  }
  if (recorded !== undefined) {
    // Without the table's contents, every recorded upcaster counts as needed.
    for (const each of stored === undefined ? recorded.upcasters : []) {
      if (each >= version || upcasters.includes(each)) continue;
      const message = `has no upcaster from version ${each} any more: check with --against-table whether one is needed`;
      findings.push({ kind: 'upcaster-removed', version: each, message });
    }
    findings.push(...checkChange(current, recorded, compatibility));
    const isRecorded =
      isSameJson(latest(recorded), { version, writes, reads }) &&
      isSameJson([recorded.upcasters, recorded.contentType], [upcasters, contentType]);
    if (isRecorded) return findings;
  }
  if (findings.length > 0) return findings;
  const change = recorded === undefined ? 'is new' : 'has changed and stays compatible';
  return [{ kind: 'not-recorded', version, message: `${change}: record it with "outbox schema snapshot"` }];
}

function checkChange(
  current: DescribedType,
  recorded: RecordedType,
  compatibility: SchemaCompatibility,
): readonly TypeFinding[] {
  const { version, upcasters, contentType, writes, reads } = current;
  const { version: before } = latest(recorded);
  if (version < before) {
    const message = `was version ${before} when it was recorded: events of that version would be unknown`;
    return [{ kind: 'version-lowered', version, message }];
  }
  if (version > before) {
    const message = `is raised to version ${version}: it needs an upcaster from version ${before}`;
    return upcasters.includes(before) ? [] : [{ kind: 'upcaster-missing', version: before, message }];
  }
  if (contentType !== recorded.contentType) {
    const message = `was ${recorded.contentType} and is ${contentType}: raise its version`;
    return [{ kind: 'content-type', version, message }];
  }
  const ofVersion = recorded.revisions.filter((each) => each.version === version);
  const compared = compatibility.endsWith('_TRANSITIVE') ? ofVersion : [latest(recorded)];
  const found = compared.flatMap((earlier) => {
    const backward = compatibility.startsWith('FORWARD') ? [] : incompatibilities(earlier.writes, reads);
    const forward = compatibility.startsWith('BACKWARD') ? [] : incompatibilities(writes, earlier.reads);
    return [
      ...backward.map((each): TypeFinding => ({ kind: 'incompatible', version, mode: 'BACKWARD', ...each })),
      ...forward.map((each): TypeFinding => ({ kind: 'incompatible', version, mode: 'FORWARD', ...each })),
    ];
  });
  return [...new Map(found.map((each) => [`${each.mode} ${each.path} ${each.rule}`, each])).values()];
}
