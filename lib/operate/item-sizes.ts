import { unmarshall } from '@aws-sdk/util-dynamodb';
import { encodeCheapest } from '../dynamodb/cheapest-item';
import { itemBytes, itemWriteUnits, WRITE_UNIT_BYTES } from '../dynamodb/item-size';
import { decodeItem, type Image, type OutboxItem } from '../event/item';
import { OWN_PARTITIONS } from '../event/key';
import { OutboxError } from '../event/errors';
import { usualMarks } from '../event/receipt';
import { isSignalKey } from '../event/signal';
import { scanPages } from '../relay/dynamodb/pages';
import { bytesAboveBorder } from './item-borders';
import { refuse, timeLimited, type OutboxTarget } from './target';

/** How many items are read, and what counts as just above a border. */
export interface ItemSizesOptions {
  /** The items to read, 1 to 100,000. Default 1,000. */
  readonly items?: number;
  /** An item counts as just above a KB border if this many bytes less save a write unit. Default 100. */
  readonly withinBytes?: number;
  /** Called after each page with the number of items read so far. */
  readonly onProgress?: (read: number) => void;
}

/** The sizes of some stored items. */
export interface ItemSizesReport {
  /** Items that were read. */
  readonly items: number;
  /** Items among them that do not keep the item format or have lost their events: not measured. */
  readonly notMeasured: number;
  /** Whether the table has no further items. */
  readonly isComplete: boolean;
  /** In the order of their write units, the largest first. */
  readonly types: readonly TypeSizes[];
}

/** The sizes of the items that have the same types of events. */
export interface TypeSizes {
  /** The `ce_type` of each event, each once. */
  readonly ceTypes: readonly string[];
  readonly items: number;
  readonly events: number;
  /** Bytes of an item with its marks: medians and so on of the items. */
  readonly markedBytes: { readonly p50: number; readonly p90: number; readonly max: number };
  /** Write units of all these items: commit and mark. */
  readonly writeUnits: number;
  /** Items that lie at most `withinBytes` above a border. */
  readonly aboveBorder: number;
  /** Write units if each of these items had as many bytes less. */
  readonly writeUnitsBelowBorder: number;
  /** Write units if all data were stored compressed where that saves a unit. */
  readonly writeUnitsCompressed: number;
}

const DEFAULTS = { items: 1_000, withinBytes: 100 };
const MAX_ITEMS = 100_000;
const PAGE = 500;
/** In a table with several regions, a scan also passes the items of the others. */
const SCANNED_PER_ITEM = 10;

interface Measured {
  readonly events: number;
  readonly markedBytes: number;
  readonly writeUnits: number;
  readonly isAboveBorder: boolean;
  readonly writeUnitsBelowBorder: number;
  readonly writeUnitsCompressed: number;
}

/**
 * Measures some items of the table by the types of their events, as they are billed with their commit and their mark.
 * Reads only: an eventually consistent scan that ends after the given number of items, half a read unit for every 4 KB.
 * It passes at most ten times as many items, if the others are those of other regions.
 * DynamoDB scans keys in the order of their hashes, so the sample has all items of some keys.
 *
 * @throws OutboxError `operation-refused` for a number out of range; `service-unavailable` if the table does not
 * respond.
 */
export async function itemSizes(target: OutboxTarget, options: ItemSizesOptions = {}): Promise<ItemSizesReport> {
  const { items: wanted = DEFAULTS.items, withinBytes = DEFAULTS.withinBytes, onProgress } = options;
  requireWithin('items', wanted, 1, MAX_ITEMS);
  requireWithin('bytes above a border', withinBytes, 0, WRITE_UNIT_BYTES);
  const groups = new Map<string, { readonly ceTypes: readonly string[]; readonly all: Measured[] }>();
  let read = 0;
  let scanned = 0;
  let notMeasured = 0;
  let isComplete = true;
  const limited = timeLimited(target, 'reading items to measure them');
  for await (const page of scanPages(limited, { Limit: Math.min(PAGE, wanted) })) {
    const items = page.items.filter(isOutboxItem).slice(0, wanted - read);
    for (const image of items) {
      const item = decoded(image);
      if (item === undefined) {
        notMeasured++;
        continue;
      }
      const ceTypes = [...new Set(item.events.map(({ type }) => type))].toSorted();
      const group = groups.get(ceTypes.join('\n')) ?? { ceTypes, all: [] };
      group.all.push(measured(image, item, withinBytes));
      groups.set(ceTypes.join('\n'), group);
    }
    read += items.length;
    scanned += page.scanned;
    isComplete = page.next === undefined && items.length === page.items.filter(isOutboxItem).length;
    onProgress?.(read);
    if (read >= wanted || scanned >= SCANNED_PER_ITEM * wanted) break;
  }
  const types = [...groups.values()].map(({ ceTypes, all }) => sizesOf(ceTypes, all));
  return { items: read, notMeasured, isComplete, types: types.toSorted((a, b) => b.writeUnits - a.writeUnits) };
}

/** Not a signal, and nothing of the partitions that relay and sweeper keep for themselves. */
const isOutboxItem = (image: Image): boolean =>
  image['pk']?.S?.startsWith(OWN_PARTITIONS) !== true && !isSignalKey(image['sk']?.S ?? '');

/** `undefined` also for an item whose events a mark has removed for lack of room. */
function decoded(image: Image): OutboxItem | undefined {
  try {
    return decodeItem(image);
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-item')) return undefined;
    throw error;
  }
}

/** The attributes that a writer does not write. */
const WRITTEN_LATER = ['processedAt', 'receipts', 'expiresAt', 'parked', 'discarded', 'redriven', 'starts', 'gap'];

function measured(image: Image, item: OutboxItem, withinBytes: number): Measured {
  const stored: Readonly<Record<string, unknown>> = unmarshall(image as Parameters<typeof unmarshall>[0], {
    wrapNumbers: true,
  });
  const committed = Object.entries(stored).filter(([name]) => !WRITTEN_LATER.includes(name));
  const bytes = itemBytes(Object.fromEntries(committed));
  const { processedAt, receipts, expiresAt } = stored;
  const marks =
    processedAt === undefined
      ? usualMarks(item.events.map(({ topic }) => topic))
      : { processedAt, receipts, expiresAt };
  const markBytes = itemBytes(marks);
  const unitsOf = (committedBytes: number): number => itemWriteUnits(committedBytes, committedBytes + markBytes);
  const writeUnits = unitsOf(bytes);
  const fewer = [bytes, bytes + markBytes].map(bytesAboveBorder).filter((each) => each <= withinBytes);
  const writeUnitsBelowBorder = unitsOf(bytes - Math.max(0, ...fewer));
  // Attributes that are not of the format stay on the item.
  const otherBytes = bytes - Math.min(itemBytes(encodeCheapest(item, undefined)), bytes);
  return {
    events: item.events.length,
    markedBytes: bytes + markBytes,
    writeUnits,
    isAboveBorder: fewer.length > 0,
    writeUnitsBelowBorder,
    writeUnitsCompressed: Math.min(writeUnits, unitsOf(itemBytes(encodeCheapest(item, 0)) + otherBytes)),
  };
}

function sizesOf(ceTypes: readonly string[], all: readonly Measured[]): TypeSizes {
  const sizes = all.map(({ markedBytes }) => markedBytes).toSorted((a, b) => a - b);
  const at = (part: number): number => sizes[Math.max(0, Math.ceil(part * sizes.length) - 1)] ?? 0;
  const sum = (value: (each: Measured) => number): number => all.reduce((total, each) => total + value(each), 0);
  return {
    ceTypes,
    items: all.length,
    events: sum(({ events }) => events),
    markedBytes: { p50: at(0.5), p90: at(0.9), max: at(1) },
    writeUnits: sum(({ writeUnits }) => writeUnits),
    aboveBorder: all.filter(({ isAboveBorder }) => isAboveBorder).length,
    writeUnitsBelowBorder: sum(({ writeUnitsBelowBorder }) => writeUnitsBelowBorder),
    writeUnitsCompressed: sum(({ writeUnitsCompressed }) => writeUnitsCompressed),
  };
}

function requireWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  refuse('sizes', `${name}: ${value}; it must be a whole number from ${min} to ${max}.`);
}
