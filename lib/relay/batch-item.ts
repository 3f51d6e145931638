import type { Hold } from '../event/control';
import { identityOf, type Image, type OutboxItem } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { messagesOf, type Message } from '../event/message';
import { parseReceipts, type Receipt } from '../event/receipt';
import type { ItemIdentity, StoredState } from './ports';
import { decodeStored, type DecodedItem } from './record';

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
  readonly content: ItemContent | UndecodableContent;
  /** Earlier refusals of the item. */
  readonly refused: { readonly attempts: number; readonly since?: number };
  /** Whether every earlier item of the key is known to be settled: a drain reads from the beginning. */
  readonly isHead: boolean;
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

interface UndecodableContent {
  readonly kind: 'undecodable';
  readonly id?: string;
  readonly message: string;
}

/** The entry of a record of the batch. */
export const batchItemOf = (decoded: DecodedItem, index: number, sequence?: string): BatchItem => ({
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
 * @param goesOn - whether to continue after the first events, if these are recorded as published
 */
export function storedBatchItemOf(image: Image, index: number, goesOn = true): BatchItem {
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

function contentOf(decoded: DecodedItem): Pick<BatchItem, 'pk' | 'sk' | 'identity' | 'content'> {
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

/** The item of a look-up. */
export function storedStateOf(image: Image): StoredState {
  const { state, receipts } = itemStateOf(image);
  const noted = isOpen(state) ? parseReceipts(receipts) : [];
  return {
    state,
    id: image['id']?.S,
    region: image['region']?.S,
    ...(noted.length === 0 ? {} : { receipts: noted }),
  };
}

/** Continues after the first events of an item, which another process has published and recorded. */
export function resume({ content }: Pick<BatchItem, 'content'>, noted: readonly Receipt[] = []): void {
  if (content.kind === 'undecodable' || content.receipts.length > 0) return;
  const { messages, receipts } = content;
  const fits = noted.length < messages.length && noted.every(({ topic }, at) => topic === messages[at]?.topic);
  if (fits) receipts.push(...noted);
}

/** The item as the stores name it. The id is left out if the item is undecodable, because it is then not trusted. */
export const storedIdentity = ({ pk, sk, content }: BatchItem): ItemIdentity => ({
  pk,
  sk,
  id: content.kind === 'item' ? content.item.id : undefined,
});

/** The hold behind which an entry must wait, if any. Items before the position of a hold are still published. */
export function holdOf(entry: Pick<BatchItem, 'pk' | 'sk'>, holds: ReadonlyMap<string, Hold>): Hold | undefined {
  const hold = holds.get(entry.pk);
  return hold !== undefined && entry.sk >= hold.position ? hold : undefined;
}
