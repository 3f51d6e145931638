import type { Hold } from '../event/control';
import { identityOf, type Image, type OutboxItem } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { messagesOf, type Message } from '../event/message';
import { parseReceipts, type Receipt } from '../event/receipt';
import type { ItemIdentity, StoredItem } from './ports';
import { decodeStored, type DecodedItem } from './record';

/** One item on its way through an invocation, as a record of the batch or as a drain read it in the table. */
export interface Entry {
  /** Place in the batch, or in what a drain has read: the order within a key. */
  readonly index: number;
  readonly pk: string;
  readonly sk: string;
  /** Made once: it is looked up several times, and a text that was just put together must be hashed anew. */
  readonly identity: string;
  /** Sequence number of its record: which insert this is. Left out for what a drain has read in the table. */
  readonly sequence?: string;
  readonly content: ItemContent | UndecodableContent;
  /** Refusals in its past. */
  readonly refused: { readonly attempts: number; readonly since?: number };
  /** Whether everything before it is known to be settled: a drain reads from the beginning. */
  readonly isHead: boolean;
  /** `settled` owes nothing more in this invocation; everything else is delivered again. */
  state: 'open' | 'settled' | 'failed';
}

export interface ItemContent {
  readonly kind: 'item';
  readonly item: OutboxItem;
  readonly messages: readonly Message[];
  /** One for each message acknowledged so far, in order. */
  readonly receipts: Receipt[];
}

interface UndecodableContent {
  readonly kind: 'undecodable';
  readonly id?: string;
  readonly message: string;
}

/** The entry of a record of the batch. */
export const entryOf = (decoded: DecodedItem, index: number, sequence?: string): Entry => ({
  ...contentOf(decoded),
  index,
  sequence,
  refused: { attempts: 0 },
  isHead: false,
  state: 'open',
});

/**
 * The entry of an item that a drain has read in the table.
 *
 * @param goesOn - after the first events, if these are noted as published
 */
export function storedEntryOf(image: Image, index: number, goesOn = true): Entry {
  const { state, parked, receipts } = itemStateOf(image);
  const content = contentOf(decodeStored(image));
  if (goesOn && isOpen(state)) resume(content, parseReceipts(receipts));
  return {
    ...content,
    index,
    refused: { attempts: parked?.attempts ?? 0, since: parked?.since },
    isHead: true,
    state: 'open',
  };
}

function contentOf(decoded: DecodedItem): Pick<Entry, 'pk' | 'sk' | 'identity' | 'content'> {
  if (decoded.kind === 'undecodable') {
    const { pk, sk, id, message } = decoded;
    return { pk, sk, identity: identityOf(decoded), content: { kind: 'undecodable', id, message } };
  }
  const { item } = decoded;
  return {
    pk: item.pk,
    sk: item.sk,
    identity: identityOf(item),
    content: { kind: 'item', item, messages: messagesOf(item), receipts: [] },
  };
}

/** What a look-up has read of an item. */
export function storedItemOf(image: Image): StoredItem {
  const { state, receipts } = itemStateOf(image);
  const noted = isOpen(state) ? parseReceipts(receipts) : [];
  return {
    state,
    id: image['id']?.S,
    region: image['region']?.S,
    ...(noted.length === 0 ? {} : { receipts: noted }),
  };
}

/** Goes on after the first events of an item, which another process has published and noted. */
export function resume({ content }: Pick<Entry, 'content'>, noted: readonly Receipt[] = []): void {
  if (content.kind === 'undecodable' || content.receipts.length > 0) return;
  const { messages, receipts } = content;
  const fits = noted.length < messages.length && noted.every(({ topic }, at) => topic === messages[at]?.topic);
  if (fits) receipts.push(...noted);
}

/** How the stores name the item: an id that is part of something undecodable is not trusted. */
export const storedIdentity = ({ pk, sk, content }: Entry): ItemIdentity => ({
  pk,
  sk,
  id: content.kind === 'item' ? content.item.id : undefined,
});

/** The hold that an entry must wait behind, if there is one: earlier positions of a held key still go. */
export function holdOf(entry: Pick<Entry, 'pk' | 'sk'>, holds: ReadonlyMap<string, Hold>): Hold | undefined {
  const hold = holds.get(entry.pk);
  return hold !== undefined && entry.sk >= hold.position ? hold : undefined;
}
