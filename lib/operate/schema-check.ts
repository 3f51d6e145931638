import type { EventCatalogue } from '../event/catalogue';
import { record, type Baseline } from '../schema/baseline';
import { checkCatalogue, type Compatibility, type SchemaFinding } from '../schema/check';
import { describeCatalogue } from '../schema/describe';
import { judgeStored, type JudgedType, type StoredType } from '../schema/stored-versions';

/** How strict to be, and what is known of the table. */
export interface SchemaCheckOptions {
  /** Who must understand whom. Default: `FULL`. */
  readonly compatibility?: Compatibility;
  /** What the outbox table holds, as `countStoredTypes` tells. Default: nothing is known, so no upcaster may go. */
  readonly stored?: readonly StoredType[];
}

/** What a comparison with the baseline has found. */
export interface SchemaReport {
  readonly compatibility: Compatibility;
  readonly types: number;
  /** Nothing is wrong when it is empty. */
  readonly findings: readonly SchemaFinding[];
  /** What the table holds, for this catalogue; when it was asked for. */
  readonly stored?: readonly JudgedType[];
  /** What to record when the change is accepted. */
  readonly baseline: Baseline;
}

export const DEFAULT_COMPATIBILITY: Compatibility = 'FULL';

/**
 * Compares a catalogue with what was recorded of it. Touches neither files nor services.
 *
 * @param baseline - from `parseBaseline`; `{}` for a catalogue that was never recorded
 * @throws OutboxError `operation-refused`, naming every type whose schema tells no JSON Schema.
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
