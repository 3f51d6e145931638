import type { MappingSettings } from './settings';

/** How one invocation ended. */
export type Outcome =
  | { readonly kind: 'answered'; readonly response: unknown }
  /** The function threw, timed out or exceeded its memory, or its process died. */
  | { readonly kind: 'error'; readonly message: string };

/** Records that are delivered together. */
export interface Batch<R> {
  readonly records: readonly R[];
  /** How many retries these records have consumed. */
  readonly retries: number;
}

/** The fields of a record that `decide` reads. */
export interface Deliverable {
  readonly sequenceNumber: string;
  readonly createdAtMs: number;
}

/** The result of an invocation: `done` and `dropped` are never delivered again, `again` comes next, in order. */
export interface Decision<R> {
  readonly kind: 'success' | 'partial' | 'retry' | 'bisect' | 'drop';
  readonly done: readonly R[];
  readonly dropped: readonly R[];
  readonly again: readonly Batch<R>[];
}

type Rules = Pick<
  MappingSettings,
  'bisectBatchOnFunctionError' | 'maximumRetryAttempts' | 'maximumRecordAgeSeconds' | 'reportBatchItemFailures'
>;

/**
 * Applies Lambda's rules for the response to a batch of a stream
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html and
 * services-dynamodb-errors.html). The lowest sequence number in the response is the checkpoint: Lambda delivers again
 * from there. An identifier of no record in the batch fails the whole batch. A bisect consumes no retry.
 */
export function decide<R extends Deliverable>(
  batch: Batch<R>,
  outcome: Outcome,
  rules: Rules,
  nowMs: number,
): Decision<R> {
  const { records, retries } = batch;
  const from = outcome.kind === 'error' ? 'all' : failedFrom(records, outcome.response, rules);
  if (from === 'none') return { kind: 'success', done: records, dropped: [], again: [] };
  const bisects = rules.bisectBatchOnFunctionError;
  if (from === 'all') {
    if (bisects && records.length > 1) {
      const middle = Math.ceil(records.length / 2);
      return afterFailure('bisect', [], [records.slice(0, middle), records.slice(middle)], retries, rules, nowMs);
    }
    return afterFailure('retry', [], [records], retries + 1, rules, nowMs);
  }
  const done = records.slice(0, from);
  // If both are on, Lambda bisects at the returned sequence number. It uses a retry only if nothing is split off.
  const splits = bisects && from > 0;
  return afterFailure('partial', done, [records.slice(from)], splits ? retries : retries + 1, rules, nowMs);
}

/** The wait before the next attempt. Lambda backs off too, but for longer. */
export const backOffMs = (failuresInARow: number): number =>
  Math.min(1_000, 50 * 2 ** Math.min(failuresInARow - 1, 10));

/** The index of the lowest failed record. */
function failedFrom(records: readonly Deliverable[], response: unknown, rules: Rules): number | 'none' | 'all' {
  if (!rules.reportBatchItemFailures || response === null || response === undefined) return 'none';
  if (typeof response !== 'object') return 'all';
  const { batchItemFailures } = response as { readonly batchItemFailures?: unknown };
  if (batchItemFailures === undefined || batchItemFailures === null) return 'none';
  if (!Array.isArray(batchItemFailures)) return 'all';
  const indexes = batchItemFailures.map((failure: unknown) => {
    const identifier = (failure as { readonly itemIdentifier?: unknown } | null)?.itemIdentifier;
    return records.findIndex(({ sequenceNumber }) => sequenceNumber === identifier);
  });
  if (indexes.length === 0) return 'none';
  return indexes.includes(-1) ? 'all' : Math.min(...indexes);
}

function afterFailure<R extends Deliverable>(
  kind: 'partial' | 'retry' | 'bisect',
  done: readonly R[],
  parts: readonly (readonly R[])[],
  retries: number,
  rules: Rules,
  nowMs: number,
): Decision<R> {
  const { maximumRetryAttempts, maximumRecordAgeSeconds } = rules;
  const rest = parts.flat();
  if (maximumRetryAttempts >= 0 && retries > maximumRetryAttempts)
    return { kind: 'drop', done, dropped: rest, again: [] };
  const tooOld = (record: R): boolean =>
    maximumRecordAgeSeconds >= 0 && nowMs - record.createdAtMs > maximumRecordAgeSeconds * 1000;
  const again = parts
    .map((records) => ({ records: records.filter((record) => !tooOld(record)), retries }))
    .filter(({ records }) => records.length > 0);
  return { kind: again.length === 0 ? 'drop' : kind, done, dropped: rest.filter(tooOld), again };
}
