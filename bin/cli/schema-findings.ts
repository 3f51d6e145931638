import type { SchemaFinding } from '../../lib/schema/check';
import { columns } from './format';

/** A line for each finding, and an empty one after them. */
export const findingLines = (findings: readonly SchemaFinding[]): string[] => [
  ...columns(findings.map((each) => [each.type, label(each), each.path ?? '', each.message])),
  ...(findings.length === 0 ? [] : ['']),
];

const label = ({ kind, mode, rule }: SchemaFinding): string =>
  [mode ?? kind, rule].filter((each) => each !== undefined).join(' ');

const MODES = {
  BACKWARD: 'BACKWARD: data that was written with the recorded schema, read with the new one.',
  FORWARD: 'FORWARD: data that is written with the new schema, read with the recorded one.',
} as const;

/** The meaning of the modes that are named, and the way out for each incompatible type. */
export function schemaAdvice(findings: readonly SchemaFinding[]): string[] {
  const modes = new Set(findings.flatMap(({ mode }) => (mode === undefined ? [] : [MODES[mode]])));
  const broken = new Map(
    findings.filter(({ kind }) => kind === 'incompatible').map((each) => [each.type, each.version]),
  );
  return [
    ...modes,
    ...[...broken].map(
      ([type, version]) =>
        `Change ${type} compatibly, or raise it to version ${version + 1} with upcasters: { ${version}: (data: Old) => … }.`,
    ),
  ];
}
