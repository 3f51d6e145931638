import { isSameJson } from './json-schema';
import { latest, type Baseline, type RecordedType, type SchemaRevision } from './baseline';
import type { DataSchemas, DescribedCatalogue, DescribedType } from './describe';
import { differences, type Difference } from './differences';
import type { JudgedType } from './stored-versions';

/**
 * Which schema must read which data, in the terms of Confluent's schema registry. `BACKWARD`: the new schema reads data
 * that was written with the recorded one. `FORWARD`: the recorded schema reads data that is written with the new one.
 * `FULL`: both. `…_TRANSITIVE`: with every recorded revision of the same version, not only with the last one.
 */
export const COMPATIBILITIES = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const;
/** One of {@link COMPATIBILITIES}. */
export type Compatibility = (typeof COMPATIBILITIES)[number];

/**
 * The kind of a problem in a changed catalogue.
 *
 * `incompatible`: a reader would refuse data, at `path`, by `rule`. `own-data`: a schema does not read its own data.
 * `content-type`: data is encoded in another way. `upcaster-missing`: the version was raised, but the recorded version
 * has no upcaster. `upcaster-removed`: a version can no longer be read. `upcaster-needed`: the table holds events of a
 * version that cannot be read. `version-lowered`, `type-removed`: the recorded version or type is gone. `not-recorded`:
 * the change breaks nothing, but it must be recorded, or the next change is compared with the wrong baseline.
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

/** The baseline for a comparison, and its strictness. */
export interface Comparison {
  readonly baseline: Baseline;
  readonly compatibility: Compatibility;
  /** The table's contents. If given, an upcaster may be removed once the table holds no event that needs it. */
  readonly stored?: readonly JudgedType[];
}

/** Compares a catalogue with its baseline. If there is no finding, every type is compatible and recorded. */
export const checkCatalogue = (current: DescribedCatalogue, comparison: Comparison): readonly SchemaFinding[] =>
  [...new Set([...Object.keys(current), ...Object.keys(comparison.baseline)])]
    .toSorted()
    .flatMap((type) => checkType(type, current[type], comparison));

function checkType(
  type: string,
  current: DescribedType | undefined,
  { baseline, compatibility, stored }: Comparison,
): readonly SchemaFinding[] {
  const recorded = Object.hasOwn(baseline, type) ? baseline[type] : undefined;
  if (current === undefined) return recorded === undefined ? [] : [removed(type, recorded)];
  const findings = [...ownData(type, current), ...stillNeeded(type, stored ?? [])];
  if (recorded !== undefined) {
    if (stored === undefined) findings.push(...lostUpcasters(type, current, recorded));
    findings.push(...checkChange(type, current, recorded, compatibility));
  }
  if (findings.length > 0 || isRecorded(current, recorded)) return findings;
  const message = recorded === undefined ? 'is new' : 'has changed, and breaks nobody';
  return [
    {
      kind: 'not-recorded',
      type,
      version: current.version,
      message: `${message}: record it with "outbox schema snapshot"`,
    },
  ];
}

const removed = (type: string, recorded: RecordedType): SchemaFinding => ({
  kind: 'type-removed',
  type,
  version: latest(recorded).version,
  message: 'is recorded, and not in the catalogue any more: who reads it finds an unknown type',
});

const isRecorded = (current: DescribedType, recorded: RecordedType | undefined): boolean =>
  recorded !== undefined &&
  isSameJson(latest(recorded), { version: current.version, writes: current.writes, reads: current.reads }) &&
  isSameJson(recorded.upcasters, current.upcasters) &&
  recorded.contentType === current.contentType;

/** Consumers validate with the same schema that the writer used. */
const ownData = (type: string, { version, writes, reads }: DescribedType): SchemaFinding[] =>
  differences(writes, reads).map(({ path, rule, message }) => ({
    kind: 'own-data',
    type,
    version,
    path,
    rule,
    message: `${message}: its schema does not read what it has written itself`,
  }));

const lostUpcasters = (
  type: string,
  { version: newest, upcasters }: DescribedType,
  recorded: RecordedType,
): SchemaFinding[] =>
  recorded.upcasters
    .filter((version) => version < newest && !upcasters.includes(version))
    .map((version) => ({
      kind: 'upcaster-removed',
      type,
      version,
      message: `has no upcaster from version ${version} any more: --against-table tells whether one is needed`,
    }));

const stillNeeded = (type: string, stored: readonly JudgedType[]): SchemaFinding[] =>
  stored
    .filter((each) => each.type === type && !each.isReadable)
    .map(({ version = 0, pending, parked, processed }) => ({
      kind: 'upcaster-needed',
      type,
      version,
      message: `has ${pending} pending, ${parked} parked and ${processed} processed events of version ${version} in the table, which this catalogue cannot read`,
    }));

function checkChange(
  type: string,
  current: DescribedType,
  recorded: RecordedType,
  compatibility: Compatibility,
): readonly SchemaFinding[] {
  const { version: before } = latest(recorded);
  const { version, upcasters } = current;
  if (version < before) {
    const message = `was version ${before} when it was recorded: what is written in it would be unknown`;
    return [{ kind: 'version-lowered', type, version, message }];
  }
  if (version === before) return checkSchemas(type, current, recorded, compatibility);
  if (upcasters.includes(before)) return [];
  const message = `is raised to version ${version}: it needs an upcaster from version ${before}`;
  return [{ kind: 'upcaster-missing', type, version: before, message }];
}

function checkSchemas(
  type: string,
  current: DescribedType,
  recorded: RecordedType,
  compatibility: Compatibility,
): readonly SchemaFinding[] {
  const { version, contentType } = current;
  if (contentType !== recorded.contentType) {
    const message = `was ${recorded.contentType} and is ${contentType}: raise its version`;
    return [{ kind: 'content-type', type, version, message }];
  }
  const isTransitive = compatibility.endsWith('_TRANSITIVE');
  const ofVersion = recorded.revisions.filter((each) => each.version === version);
  const compared = isTransitive ? ofVersion : [latest(recorded)];
  const found = new Map<string, SchemaFinding>();
  for (const earlier of compared) {
    for (const finding of compare(type, version, current, earlier, compatibility)) {
      found.set(`${String(finding.mode)} ${String(finding.path)} ${String(finding.rule)}`, finding);
    }
  }
  return [...found.values()];
}

function compare(
  type: string,
  version: number,
  current: DataSchemas,
  earlier: SchemaRevision,
  compatibility: Compatibility,
): readonly SchemaFinding[] {
  const finding =
    (mode: 'BACKWARD' | 'FORWARD') =>
    (difference: Difference): SchemaFinding => ({ kind: 'incompatible', type, version, mode, ...difference });
  return [
    ...(compatibility.startsWith('FORWARD') ? [] : differences(earlier.writes, current.reads).map(finding('BACKWARD'))),
    ...(compatibility.startsWith('BACKWARD') ? [] : differences(current.writes, earlier.reads).map(finding('FORWARD'))),
  ];
}
