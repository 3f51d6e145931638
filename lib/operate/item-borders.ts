import { writtenType, type EventCatalogue } from '../event/catalogue';
import { DEFAULT_CONTENT_TYPE } from '../event/item';
import { itemWriteUnits, WRITE_UNIT_BYTES } from '../dynamodb/item-size';
import { DYNAMODB_LIMITS } from '../dynamodb/transaction';
import { pricesWith, type ListPrices } from './cost';
import { sampleItem, type SampleShape } from './sample-item';
import { refuse } from './target';

/** The shape of the items that a service writes, as far as its catalogue does not show it. */
export interface ItemBordersOptions {
  /** Bytes of the data by type, as it is sent. A type without a size gets `eventBytes`. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Bytes of the data of every type that is not in `sizes`. Default: unknown, so only the borders are returned. */
  readonly eventBytes?: number;
  /** Events of one type that share an item. Default 1. */
  readonly eventsPerTransaction?: number;
  /** Default 36, the length of a UUID. */
  readonly keyBytes?: number;
  /** Whether keys have versions. Default true. */
  readonly hasVersions?: boolean;
  /** How long processed items stay. 0 deletes them instead of marking them. Default one day. */
  readonly retentionSeconds?: number;
  /** The service in `ce_source`. Default `shop`. */
  readonly service?: string;
  /** Bytes that an item has in addition, such as headers, or 66 for a `traceparent`. Default 0. */
  readonly extraBytes?: number;
  /** A type counts as just above a border if this many bytes less of each event's data save a write unit. Default 200. */
  readonly withinBytes?: number;
}

/** The size of a type's items, and the data that fits each number of KB. */
export interface ItemBorders {
  /** Name in the catalogue. */
  readonly type: string;
  readonly topic: string;
  /** Aggregate of the keys: the first part of the type's name. */
  readonly aggregate: string;
  /** Bytes of an item without the data of its events. */
  readonly bytesBeyondData: number;
  /** Bytes that the relay adds when it marks the item; 0 at a retention of 0. */
  readonly markBytes: number;
  /** The largest data of each event with which an item has 1, 2 and 3 KB. */
  readonly fits: readonly ItemFit[];
  /** The cost of an item with data of the given size. Left out if the size is unknown. */
  readonly sized?: SizedItem;
}

/** The largest data of each event with which an item has at most `kilobytes`. */
export interface ItemFit {
  readonly kilobytes: number;
  /** As it is committed: two write units for each KB. */
  readonly committedDataBytes: number;
  /** With its marks: one more write unit for each KB. */
  readonly markedDataBytes: number;
}

/** The cost of an item of known size. */
export interface SizedItem {
  readonly dataBytes: number;
  readonly bytes: number;
  readonly markedBytes: number;
  readonly commitWriteUnits: number;
  readonly markWriteUnits: number;
  /** Each border that lies at most `withinBytes` below, the nearest first. Empty if the type is not just above one. */
  readonly savings: readonly BorderSaving[];
}

/** The saving if the data lost some bytes. */
export interface BorderSaving {
  /** Bytes that each event's data would have to lose. */
  readonly fewerBytes: number;
  readonly dataBytes: number;
  /** Write units saved for each item. */
  readonly writeUnits: number;
  readonly dollarsPerMillionItems: number;
}

const KB = WRITE_UNIT_BYTES;
const SHOWN_KILOBYTES = [1, 2, 3];
const DEFAULT_WITHIN_BYTES = 200;

/**
 * Returns for each type of a catalogue how many bytes its items have beyond the data, and how much data fits each KB:
 * DynamoDB bills every started KB of an item twice for its commit and once for its mark. With a size of the data, it
 * also returns the units of an item, and what less data would save.
 *
 * A catalogue names neither keys nor aggregates. Compare `bytesBeyondData` with real items before you count bytes.
 *
 * @param changed - prices that replace those of `PRICE_LIST`
 * @throws OutboxError `operation-refused` for a number out of range, a size of a type that the catalogue does not have,
 * and a price that does not exist.
 */
export function itemBorders(
  catalogue: EventCatalogue,
  options: ItemBordersOptions = {},
  changed: Partial<ListPrices> = {},
): readonly ItemBorders[] {
  requireInRange(options);
  const types = Object.keys(catalogue.definitions);
  const unknown = Object.keys(options.sizes ?? {}).find((type) => !types.includes(type));
  if (unknown !== undefined) {
    refuse('cost', `the catalogue has no type "${unknown}", of which a size is given. It has ${types.join(', ')}.`);
  }
  const { perMillionWriteUnits } = pricesWith(changed);
  return types.map((type) => bordersOf(type, catalogue, options, perMillionWriteUnits));
}

function bordersOf(
  type: string,
  catalogue: EventCatalogue,
  options: ItemBordersOptions,
  perMillionWriteUnits: number,
): ItemBorders {
  const { sizes, eventBytes, eventsPerTransaction: events = 1 } = options;
  const { topic } = catalogue.definitionOf(type);
  const shape = shapeOf(type, catalogue, options);
  const empty = sampleItem(shape);
  const bytesBeyondData = empty.bytes + (options.extraBytes ?? 0);
  const markBytes = options.retentionSeconds === 0 ? 0 : empty.markedBytes - empty.bytes;
  const borders = { type, topic, aggregate: shape.aggregate, bytesBeyondData, markBytes };
  const dataOf = (itemBytes: number): number => Math.max(0, Math.floor((itemBytes - bytesBeyondData) / events));
  const fits = SHOWN_KILOBYTES.map((kilobytes) => ({
    kilobytes,
    committedDataBytes: dataOf(kilobytes * KB),
    markedDataBytes: dataOf(kilobytes * KB - markBytes),
  }));
  const dataBytes = sizes?.[type] ?? eventBytes;
  if (dataBytes === undefined) return { ...borders, fits };
  const sizeOf = (data: number): Omit<SizedItem, 'savings'> => sized(data, events, bytesBeyondData, markBytes);
  const now = sizeOf(dataBytes);
  if (now.bytes > DYNAMODB_LIMITS.itemBytes) {
    refuse('cost', `an item of "${type}" has ${now.bytes} bytes; DynamoDB allows ${DYNAMODB_LIMITS.itemBytes}.`);
  }
  const { withinBytes = DEFAULT_WITHIN_BYTES } = options;
  const savings = [now.bytes, now.markedBytes]
    .map((bytes) => Math.ceil(bytesAboveBorder(bytes) / events))
    .filter((fewer, at, all) => fewer <= Math.min(withinBytes, dataBytes) && all.indexOf(fewer) === at)
    .toSorted((a, b) => a - b)
    .map((fewerBytes): BorderSaving => {
      const writeUnits = unitsOf(now) - unitsOf(sizeOf(dataBytes - fewerBytes));
      return {
        fewerBytes,
        dataBytes: dataBytes - fewerBytes,
        writeUnits,
        dollarsPerMillionItems: writeUnits * perMillionWriteUnits,
      };
    })
    .filter(({ writeUnits }) => writeUnits > 0);
  return { ...borders, fits, sized: { ...now, savings } };
}

/** Bytes above the next lower multiple of a KB. An item of up to 1 KB has none below it: it is billed as 1 KB. */
export const bytesAboveBorder = (bytes: number): number =>
  bytes <= KB ? Infinity : bytes - (Math.ceil(bytes / KB) - 1) * KB;

const unitsOf = ({ bytes, markedBytes }: Omit<SizedItem, 'savings'>): number => itemWriteUnits(bytes, markedBytes);

function sized(
  dataBytes: number,
  events: number,
  bytesBeyondData: number,
  markBytes: number,
): Omit<SizedItem, 'savings'> {
  const bytes = bytesBeyondData + events * dataBytes;
  const markedBytes = bytes + markBytes;
  return {
    dataBytes,
    bytes,
    markedBytes,
    commitWriteUnits: 2 * Math.ceil(bytes / KB),
    markWriteUnits: Math.ceil(markedBytes / KB),
  };
}

function shapeOf(
  type: string,
  catalogue: EventCatalogue,
  { eventsPerTransaction = 1, keyBytes = 36, hasVersions = true, service = 'shop' }: ItemBordersOptions,
): SampleShape {
  const { topic, version, contentType = DEFAULT_CONTENT_TYPE, dataSchema } = catalogue.definitionOf(type);
  const [aggregate = 'order'] = /^[A-Za-z][A-Za-z0-9_-]*/.exec(type) ?? [];
  return {
    aggregate,
    source: `/${service}/${aggregate}`,
    keyBytes,
    hasVersions,
    events: eventsPerTransaction,
    event: {
      type: writtenType(type, version),
      topic,
      contentType,
      ...(dataSchema === undefined ? {} : { dataSchema }),
    },
    dataBytes: 0,
  };
}

const MAX_ITEM_BYTES = DYNAMODB_LIMITS.itemBytes;

function requireInRange(options: ItemBordersOptions): void {
  const { sizes = {}, eventBytes, eventsPerTransaction, keyBytes, extraBytes, withinBytes } = options;
  const numbers: readonly (readonly [name: string, value: number | undefined, min: number, max: number])[] = [
    ...Object.entries(sizes).map(([type, bytes]) => [`bytes of "${type}"`, bytes, 0, MAX_ITEM_BYTES] as const),
    ['bytes of an event', eventBytes, 0, MAX_ITEM_BYTES],
    ['events per transaction', eventsPerTransaction, 1, 10_000],
    ['bytes of a key', keyBytes, 1, 2_000],
    ['further bytes of an item', extraBytes, 0, MAX_ITEM_BYTES],
    ['bytes above a border', withinBytes, 0, KB],
  ];
  for (const [name, value, min, max] of numbers) {
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) continue;
    refuse('cost', `${name}: ${value}; it must be a whole number from ${min} to ${max}.`);
  }
}
