import type { EventCatalogue } from '../event/catalogue';
import { record, type Baseline } from '../schema/baseline';
import { checkCatalogue, type Compatibility, type SchemaFinding } from '../schema/check';
import { describeCatalogue } from '../schema/describe';
import { judgeStored, type JudgedType, type StoredType } from '../schema/stored-versions';

/** How strict the check is, and what the table holds. */
export interface SchemaCheckOptions {
  /** The direction in which schemas must be compatible. Default: `FULL`. */
  readonly compatibility?: Compatibility;
  /** The types in the outbox table, from `countStoredTypes`. Default: unknown, so no upcaster may be removed. */
  readonly stored?: readonly StoredType[];
}

/** The result of a comparison with the baseline. */
export interface SchemaReport {
  readonly compatibility: Compatibility;
  readonly types: number;
  /** Empty if nothing is wrong. */
  readonly findings: readonly SchemaFinding[];
  /** The types in the table, judged by this catalogue. Left out unless `stored` was given. */
  readonly stored?: readonly JudgedType[];
  /** The baseline to record if the change is accepted. */
  readonly baseline: Baseline;
}

export const DEFAULT_COMPATIBILITY: Compatibility = 'FULL';

/**
 * Compares a catalogue with its recorded baseline. Uses neither files nor services.
 *
 * @param baseline - from `parseBaseline`; `{}` for a catalogue that was never recorded
 * @throws OutboxError `operation-refused`, naming every type whose schema provides no JSON Schema.
 */
export function checkSchemas(
  catalogue: EventCatalogue,
  baseline: Baseline,
  { compatibility = DEFAULT_COMPATIBILITY, stored }: SchemaCheckOptions = {},
): SchemaReport {
  const current = describeCatalogue(catalogue);
  const judged = stored === undefined ? undefined : judgeStored(catalogue, stored);
  return {
    compatibility,
    types: Object.keys(current).length,
    findings: checkCatalogue(current, { baseline, compatibility, stored: judged }),
    stored: judged,
    baseline: record(baseline, current),
  };
}
