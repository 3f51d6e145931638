import { settleSkippable } from './skip-rule';
import { streamAgeMs, type BatchItem, type BatchSignal, type KeyTask } from './batch-item';
import type { Invocation } from './invocation';
import type { LookUpReason } from './ports';
import type { PublishSession } from './publish-session';

/**
 * Age from which another process may have published a record: Lambda redelivers a batch to any instance of the
 * function. The stream's timestamps have a resolution of one second.
 */
export const LOOK_UP_AFTER_MS = 5_000;
/** Used after this process asked for redelivery: it may then receive records that others have published. */
const LOOK_UP_SOONER_MS = 1_000;
/**
 * After any invocation published a part of its batch and asked for the rest again, every record is looked up for this
 * long. Lambda redelivers the rest within a second, to any instance.
 */
export const RETRY_MS = 60_000;

/** The items of one key in a batch, in batch order. */
export interface KeyItems {
  readonly pk: string;
  readonly items: readonly BatchItem[];
  /** Why an open item that the stream has not shown may precede the first item. */
  readonly gapReason?: Exclude<LookUpReason, 'redelivered'>;
}

export interface Triaged {
  /** May be published as the records show them. */
  readonly plain: readonly BatchItem[];
  readonly tasks: readonly KeyTask[];
}

/**
 * Decides which keys of a batch are published as the records show them, which must first be looked up in the table
 * (`unproven`, for {@link TableLookup}), and which are drained. Reads nothing from the table: a young record of a trusted
 * stream costs no read. Settles skippable items, which can send marks.
 */
export function triage(
  items: readonly BatchItem[],
  signals: readonly BatchSignal[],
  session: PublishSession,
): Triaged & { readonly unproven: readonly KeyItems[] } {
  const { invocation } = session;
  const signalled = Map.groupBy(signals, ({ signal }) => signal.pk);
  const needsDrain = ({ pk }: BatchItem): boolean =>
    signalled.has(pk) || invocation.control.holds.get(pk)?.state === 'draining';
  const drained = Map.groupBy(items.filter(needsDrain), ({ pk }) => pk);
  const candidates = settleSkippable(
    items.filter((item) => !needsDrain(item)),
    invocation,
    session.marks,
  );
  const unproven = [...Map.groupBy(candidates, ({ pk }) => pk)].flatMap(([pk, ofKey]): KeyItems[] => {
    const gapReason = gapReasonOf(ofKey, invocation);
    const needsLookUp =
      gapReason !== undefined ||
      invocation.options.order === 'strict' ||
      ofKey.some((item) => mayBePublishedElsewhere(item, invocation));
    return needsLookUp ? [{ pk, items: ofKey, gapReason }] : [];
  });
  const lookedUp = new Set(unproven.map(({ pk }) => pk));
  return {
    plain: candidates.filter(({ pk }) => !lookedUp.has(pk)),
    tasks: [...new Set([...signalled.keys(), ...drained.keys()])].map((pk) => ({
      pk,
      items: drained.get(pk) ?? [],
      signals: signalled.get(pk) ?? [],
    })),
    unproven,
  };
}

export const isGapSuspected = ({ control }: Invocation): boolean => control.gapSuspectedSince !== undefined;

function gapReasonOf([first]: readonly BatchItem[], invocation: Invocation): KeyItems['gapReason'] {
  if (isGapSuspected(invocation)) return 'gap-suspected';
  const ageMs = first === undefined ? undefined : streamAgeMs(first, invocation.ports.clock.now());
  return (ageMs ?? 0) > invocation.options.lateAfterMs ? 'late' : undefined;
}

/** Whether another process may have published the item, so that the table must be read. */
export function mayBePublishedElsewhere(item: BatchItem, { memory, ports, control }: Invocation): boolean {
  if (item.state !== 'open') return false;
  // Published, but not from this record: by a drain, or the item was written again under its old id.
  if (memory.acknowledged.get(item.identity) !== undefined) return true;
  const now = ports.clock.now();
  return (streamAgeMs(item, now) ?? -1) >= lookUpAfterMs(now, control.retriedAt, memory.askedAgainAt);
}

function lookUpAfterMs(now: number, retriedAt = -Infinity, askedAgainAt: number): number {
  // For this long the lookup does not depend on the age of a record, so clock skew cannot prevent it.
  if (Math.abs(now - retriedAt) < RETRY_MS) return -Infinity;
  return now - askedAgainAt < RETRY_MS ? LOOK_UP_SOONER_MS : LOOK_UP_AFTER_MS;
}
