import type { ParkReason } from './control';
import type { AttributeValue, Image } from './item';
import type { Request } from './signal';

/** Why and since when an item is parked. */
export interface Parked {
  readonly reason: ParkReason;
  readonly message: string;
  /** How often the item was refused, redrives included. */
  readonly attempts: number;
  /** Epoch milliseconds of the first refusal. */
  readonly since: number;
}

/**
 * Where an item stands. What came later wins: a processed item may carry the `parked` of its past.
 *
 * `pending`: not yet acknowledged. `processed`: acknowledged, with receipts and an expiry. `parked`: refused, holds its
 * key. `discarded`: given up by an operator, with an expiry.
 */
export type ItemStateName = 'pending' | 'processed' | 'parked' | 'discarded';

/** What the relay and operators have noted on an item, beside what its writer put. */
export interface ItemState {
  readonly state: ItemStateName;
  readonly processedAt?: number;
  /** One for each event, `topic-partition@offset`. */
  readonly receipts: readonly string[];
  /** Epoch seconds. */
  readonly expiresAt?: number;
  readonly parked?: Parked;
  readonly discarded?: Request;
  /** The record of a gap: the item was deleted by hand, and an operator has decided that its key goes on without it. */
  readonly gone?: true;
  /** Such a decision about an item that had this position before. */
  readonly gap?: Request & { readonly id: string };
  /** The latest redrive that an operator asked for. */
  readonly redriven?: Request;
  /** Attempts since the last orderly end of an invocation: more than a few are the mark of an item that kills. */
  readonly starts: number;
}

/** An item that somebody still owes something: it must be published, or discarded by an operator. */
export const isOpen = (state: ItemStateName): boolean => state === 'pending' || state === 'parked';

/** Reads leniently: only the relay and the operator's tools write these, and an item must be readable whatever it holds. */
export function itemStateOf(image: Image): ItemState {
  const processedAt = numberOf(image['processedAt']);
  const discarded = requestOf(image['discarded']);
  const parked = parkedOf(image['parked']);
  const gap = requestOf(image['gap']);
  return {
    state:
      image['processedAt'] !== undefined
        ? 'processed'
        : image['discarded'] !== undefined
          ? 'discarded'
          : image['parked'] !== undefined
            ? 'parked'
            : 'pending',
    processedAt,
    receipts: (image['receipts']?.L ?? []).flatMap(({ S }) => (S === undefined ? [] : [S])),
    expiresAt: numberOf(image['expiresAt']),
    parked,
    discarded,
    ...(image['gone']?.BOOL === true ? { gone: true as const } : {}),
    ...(gap === undefined ? {} : { gap: { ...gap, id: image['gap']?.M?.['id']?.S ?? '' } }),
    redriven: requestOf(image['redriven']),
    starts: numberOf(image['starts']) ?? 0,
  };
}

const numberOf = (value: AttributeValue | undefined): number | undefined =>
  value?.N === undefined ? undefined : Number(value.N);

function parkedOf(value: AttributeValue | undefined): Parked | undefined {
  if (value?.M === undefined) return undefined;
  const { reason, message, attempts, since } = value.M;
  return {
    // Written by `park` alone, whose reasons are this closed set.
    reason: (reason?.S ?? '') as ParkReason,
    message: message?.S ?? '',
    attempts: numberOf(attempts) ?? 1,
    since: numberOf(since) ?? 0,
  };
}

function requestOf(value: AttributeValue | undefined): Request | undefined {
  if (value?.M === undefined) return undefined;
  const { by, at, why } = value.M;
  return { by: by?.S ?? '', at: numberOf(at) ?? 0, why: why?.S ?? '' };
}
