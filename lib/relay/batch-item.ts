import type { Hold } from '../event/control';
import { identityOf, type ItemRef, type OutboxItem } from '../event/item';
import { messagesOf, type Message } from '../event/message';
import type { Receipt } from '../event/receipt';
import type { StoredItem, StoredState } from './ports';
import type { DecodedItem } from './record';
import type { Signal } from '../event/signal';

/** One item in progress within an invocation, from a record of the batch or from a drain's read of the table. */
export interface BatchItem {
  /** Index in the batch, or in the drain's page: the order within a key. */
  readonly index: number;
  readonly pk: string;
  readonly sk: string;
  /** Built once: it is looked up several times, and each new string must be hashed again. */
  readonly identity: string;
  /** Sequence number of its record, which identifies the insert. Left out for an item that a drain read. */
  readonly sequence?: string;
  /** When its record was written to the stream, in epoch milliseconds, if the record has a timestamp. */
  readonly streamedAt?: number;
  readonly content: ItemContent | UndecodableContent;
  /** Earlier refusals of the item: their number, and the epoch milliseconds of the first. */
  readonly refusals: StoredItem['refusals'];
  /** Whether every earlier item of the key is known to be settled: a drain reads from the beginning. */
  readonly isHead: boolean;
  /** With `isHead`: the revision of the hold under which the drain reads, if the key had one. */
  readonly drainedUnder?: string;
  /** `settled` needs nothing more in this invocation; any other state is delivered again. */
  state: 'open' | 'settled' | 'failed';
}

export interface ItemContent {
  readonly kind: 'item';
  readonly item: OutboxItem;
  readonly messages: readonly Message[];
  /** One receipt for each acknowledged message, in order. */
  readonly receipts: Receipt[];
}

type UndecodableContent = Extract<DecodedItem, { kind: 'undecodable' }>;

export const batchItemOf = (
  decoded: DecodedItem,
  record: Pick<BatchItem, 'index' | 'sequence' | 'streamedAt'>,
): BatchItem => ({
  ...contentOf(decoded),
  ...record,
  refusals: { attempts: 0 },
  isHead: false,
  state: 'open',
});

/**
 * The item that a drain has read in the table.
 *
 * @param goesOn - whether to continue after the first events, if these are recorded as published
 * @param drainedUnder - the revision of the hold under which the drain reads
 */
export function storedBatchItemOf(
  { content, refusals, receipts }: StoredItem,
  index: number,
  goesOn = true,
  drainedUnder?: string,
): BatchItem {
  const item: BatchItem = { ...contentOf(content), index, refusals, isHead: true, drainedUnder, state: 'open' };
  if (goesOn) resume(item, receipts);
  return item;
}

function contentOf(decoded: DecodedItem): Pick<BatchItem, 'pk' | 'sk' | 'identity' | 'content'> {
  const ref = decoded.kind === 'item' ? decoded.item : decoded;
  const content: BatchItem['content'] =
    decoded.kind === 'item'
      ? { kind: 'item', item: decoded.item, messages: messagesOf(decoded.item), receipts: [] }
      : decoded;
  return { pk: ref.pk, sk: ref.sk, identity: identityOf(ref), content };
}

/** Continues after the first events of an item, which another process has published and recorded. */
export function resume({ content }: BatchItem, noted: readonly Receipt[] = []): void {
  if (content.kind === 'undecodable' || content.receipts.length > 0) return;
  const { messages, receipts } = content;
  const fits = noted.length < messages.length && noted.every(({ topic }, at) => topic === messages[at]?.topic);
  if (fits) receipts.push(...noted);
}

/** The item as the stores name it. The id is left out if the item is undecodable, because it is then not trusted. */
export const itemRef = ({ pk, sk, content }: BatchItem): ItemRef => ({
  pk,
  sk,
  id: content.kind === 'item' ? content.item.id : undefined,
});

export const isWhole = ({ content }: BatchItem): boolean =>
  content.kind === 'item' && content.receipts.length === content.messages.length;

export const isSameItem = ({ content }: BatchItem, stored: StoredState | undefined): boolean =>
  content.kind === 'item' && content.item.id === stored?.id;

/** The hold behind which an item must wait, if any. Items before the position of a hold are still published. */
export function holdOf({ pk, sk }: Pick<BatchItem, 'pk' | 'sk'>, holds: ReadonlyMap<string, Hold>): Hold | undefined {
  const hold = holds.get(pk);
  return hold !== undefined && sk >= hold.position ? hold : undefined;
}

/** Milliseconds since the record was written to the stream; `undefined` if it has no timestamp. */
export const streamAgeMs = ({ streamedAt }: Pick<BatchItem, 'streamedAt'>, now: number): number | undefined =>
  streamedAt === undefined ? undefined : now - streamedAt;

/** Milliseconds since the commit, by the stream or else the writer's clock, which may be off. Infinite if unknown. */
export const ageMs = (item: BatchItem, now: number): number =>
  streamAgeMs(item, now) ?? (item.content.kind === 'item' ? now - item.content.item.committedAt : Infinity);

export interface BatchSignal extends Pick<BatchItem, 'index' | 'streamedAt'> {
  readonly signal: Signal;
  /** Whether this stands for a record without an image, for which the table holds no signal. */
  readonly isUnseen?: boolean;
  state: 'open' | 'settled';
}

/** Whether the table holds the signal, as far as its record shows. */
export const isStored = ({ isUnseen }: BatchSignal): boolean => isUnseen !== true;

/** The items and signals of one key that need more than publishing the records as shown. */
export interface KeyTask {
  readonly pk: string;
  readonly items: readonly BatchItem[];
  readonly signals: readonly BatchSignal[];
}
