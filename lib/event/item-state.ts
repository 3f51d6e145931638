import type { ParkReason } from './control';
import type { AttributeValue, Image } from './item';
import type { OperatorNote } from './signal';

/** Why and since when an item is parked. */
export interface ParkedItem {
  readonly reason: ParkReason;
  readonly message: string;
  /** How often the item was refused, redrives included. */
  readonly attempts: number;
  /** Epoch milliseconds of the first refusal. */
  readonly since: number;
}

/**
 * The state of an item. The latest change wins: a processed item may still have the `parked` attribute.
 *
 * `pending`: not yet acknowledged. `processed`: acknowledged, with receipts and an expiry. `parked`: refused, holds its
 * key. `discarded`: given up by an operator, with an expiry.
 */
export type ItemStateName = 'pending' | 'processed' | 'parked' | 'discarded';

/** The attributes that the relay and operators write on an item, next to those of its writer. */
export interface ItemState {
  readonly state: ItemStateName;
  /** Epoch milliseconds. */
  readonly processedAt?: number;
  /** One receipt per event, `topic-partition@offset`. */
  readonly receipts: readonly string[];
  /** Epoch seconds, unlike the other times. */
  readonly expiresAtSeconds?: number;
  readonly parked?: ParkedItem;
  readonly discarded?: OperatorNote;
  /** The record of a gap: the item was deleted by hand, and an operator decided that its key continues without it. */
  readonly gone?: true;
  /** The same decision about an item that had this position before. */
  readonly gap?: OperatorNote & { readonly id: string };
  /** The latest redrive that an operator asked for. */
  readonly redriven?: OperatorNote;
  /** Attempts since an invocation last ended normally. More than a few mark an item that kills the process. */
  readonly starts: number;
}

/** Whether an item is not finished: it must be published, or discarded by an operator. */
export const isOpen = (state: ItemStateName): boolean => state === 'pending' || state === 'parked';

/** The filter of open items, see {@link isOpen}. */
export const OPEN_FILTER = 'attribute_not_exists(processedAt) AND attribute_not_exists(discarded)';
/** The condition that the item exists and is open. */
export const IS_OPEN = `attribute_exists(pk) AND ${OPEN_FILTER}`;

/** Reads leniently: only the relay and the operator's tools write these attributes, and any item must be readable. */
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
    expiresAtSeconds: numberOf(image['expiresAt']),
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

function parkedOf(value: AttributeValue | undefined): ParkedItem | undefined {
  if (value?.M === undefined) return undefined;
  const { reason, message, attempts, since } = value.M;
  return {
    // Only `park` writes the attribute, with reasons of this closed set.
    reason: (reason?.S ?? '') as ParkReason,
    message: message?.S ?? '',
    attempts: numberOf(attempts) ?? 1,
    since: numberOf(since) ?? 0,
  };
}

function requestOf(value: AttributeValue | undefined): OperatorNote | undefined {
  if (value?.M === undefined) return undefined;
  const { by, at, why } = value.M;
  return { by: by?.S ?? '', at: numberOf(at) ?? 0, why: why?.S ?? '' };
}
