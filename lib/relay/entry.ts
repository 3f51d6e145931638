import type { Hold } from '../event/control';
import type { OutboxItem } from '../event/item';
import { messagesOf, type Message } from '../event/message';
import type { Receipt } from '../event/receipt';
import { identityOf } from './acknowledged';
import type { DecodedRecord } from './record';

/** One record of the batch on its way through an invocation. */
export interface Entry {
  /** Place in the batch: the lowest one that is not settled is where Lambda delivers again. */
  readonly index: number;
  readonly pk: string;
  readonly sk: string;
  readonly content: ItemContent | { readonly kind: 'undecodable'; readonly message: string };
  /** `settled` owes nothing more in this invocation; everything else is reported as failed at the end. */
  state: 'open' | 'settled' | 'failed';
}

export interface ItemContent {
  readonly kind: 'item';
  readonly item: OutboxItem;
  /** Made once: it is looked up several times, and a text that was just put together must be hashed anew. */
  readonly identity: string;
  readonly messages: readonly Message[];
  /** One for each message acknowledged so far, in order. */
  readonly receipts: Receipt[];
}

export function entryOf(record: Extract<DecodedRecord, { kind: 'item' | 'undecodable' }>, index: number): Entry {
  if (record.kind === 'undecodable') {
    const { pk, sk, message } = record;
    return { index, pk, sk, content: { kind: 'undecodable', message }, state: 'open' };
  }
  const { item } = record;
  const content: ItemContent = {
    kind: 'item',
    item,
    identity: identityOf(item),
    messages: messagesOf(item),
    receipts: [],
  };
  return { index, pk: item.pk, sk: item.sk, content, state: 'open' };
}

/** The hold that an entry must wait behind, if there is one: earlier positions of a held key still go. */
export function holdOf(entry: Pick<Entry, 'pk' | 'sk'>, holds: ReadonlyMap<string, Hold>): Hold | undefined {
  const hold = holds.get(entry.pk);
  return hold !== undefined && entry.sk >= hold.position ? hold : undefined;
}
