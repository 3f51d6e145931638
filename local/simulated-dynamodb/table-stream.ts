import { hash } from 'node:crypto';
import type { ShardSplit, ShardState, ViewType } from './protocol';
import { Shard, type HashRange, type StreamRecord } from './shard';
import { bytesOf, equal, type Item } from '../../lib/testing/dynamodb/value';
import type { Change } from '../../lib/testing/dynamodb/memory-dynamodb';
import { parseItem } from '../../lib/testing/dynamodb/table';

export interface StreamOptions {
  readonly tableArn: string;
  readonly viewType: ViewType;
  /** Where each first shard begins and ends. */
  readonly ranges: readonly HashRange[];
  readonly createdAtMs: number;
  readonly now: () => number;
}

/** A change of an item on its way into the stream. */
export interface Shown extends Change {
  readonly isExpiry?: boolean;
}

/** Ranges of the same width that cover everything. */
export const evenRanges = (count: number): HashRange[] =>
  Array.from({ length: count }, (_, at) => ({ from: at / count, to: (at + 1) / count }));

/** The stream of one table: a tree of shards, of which the open ones cover all hash values. */
export class TableStream {
  readonly arn: string;
  readonly label: string;
  readonly viewType: ViewType;
  readonly createdAtMs: number;
  readonly #now: () => number;
  /** In the order of their creation: each parent before its children. */
  readonly #shards = new Map<string, Shard>();
  #open: Shard[] = [];
  #lastRanges: readonly HashRange[] = [];
  #sequence = 1;
  #created = 0;

  constructor({ tableArn, viewType, ranges, createdAtMs, now }: StreamOptions) {
    this.#now = now;
    this.createdAtMs = createdAtMs;
    this.label = streamLabel(createdAtMs);
    this.arn = `${tableArn}/stream/${this.label}`;
    this.viewType = viewType;
    for (const range of ranges) this.#addShard(range);
  }

  /** The ranges of the shards that are open, or were when the stream was switched off. */
  get lastRanges(): readonly HashRange[] {
    return this.#lastRanges;
  }

  get isEnabled(): boolean {
    return this.#open.length > 0;
  }

  get shards(): readonly Shard[] {
    return [...this.#shards.values()];
  }

  shard(id: string): Shard | undefined {
    return this.#shards.get(id);
  }

  states(): ShardState[] {
    return this.shards.map(({ id: shardId, parentId: parentShardId, isOpen, size: records }) => ({
      ...{ shardId, isOpen, records },
      ...(parentShardId === undefined ? {} : { parentShardId }),
    }));
  }

  /** Adds the record of a change to the shard of its item. A change that leaves the item as it was has no record. */
  show(change: Shown): void {
    const record = this.#recordOf(change);
    if (record === undefined) return;
    const fraction = change.table.fractionOf(change.key);
    this.#open.find(({ range }) => fraction >= range.from && fraction < range.to)?.append(record);
  }

  /**
   * Closes an open shard, and divides its range among its children: two for a split, one for the replacement that
   * DynamoDB makes every few hours.
   *
   * @param shardId - by default the shard with the widest range
   */
  split(children: 1 | 2, shardId?: string): ShardSplit | undefined {
    const widest = this.#open.toSorted((a, b) => widthOf(b) - widthOf(a))[0];
    const parent = shardId === undefined ? widest : this.#open.find(({ id }) => id === shardId);
    if (parent === undefined) return undefined;
    this.#close(parent);
    const { from, to } = parent.range;
    const middle = (from + to) / 2;
    const ranges =
      children === 1
        ? [parent.range]
        : [
            { from, to: middle },
            { from: middle, to },
          ];
    return { parent: parent.id, children: ranges.map((range) => this.#addShard(range, parent.id).id) };
  }

  /** Closes all shards. Their records can still be read. */
  disable(): void {
    for (const shard of this.#open) this.#close(shard);
  }

  /** Drops the records that were created before. Returns their number. */
  trim(beforeMs: number): number {
    let dropped = 0;
    for (const shard of this.#shards.values()) {
      dropped += shard.trim(beforeMs);
      if (shard.isGone(beforeMs)) this.#shards.delete(shard.id);
    }
    return dropped;
  }

  #addShard(range: HashRange, parentId?: string): Shard {
    const time = String(this.#now()).padStart(20, '0');
    const suffix = hash('sha256', `${this.arn} ${this.#created++}`).slice(0, 8);
    const shard = new Shard(`shardId-${time}-${suffix}`, range, this.#sequence++, parentId);
    this.#shards.set(shard.id, shard);
    this.#open.push(shard);
    this.#lastRanges = this.#open.map((each) => each.range);
    return shard;
  }

  #close(shard: Shard): void {
    shard.close(this.#sequence++, this.#now());
    this.#open = this.#open.filter((other) => other !== shard);
  }

  #recordOf({ key, before, after, isExpiry = false }: Shown): StreamRecord | undefined {
    if (isSame(before?.text, after?.text)) return undefined;
    const newImage = this.viewType.startsWith('NEW_') ? after : undefined;
    const oldImage = this.viewType.includes('OLD_') ? before : undefined;
    return {
      sequence: this.#sequence++,
      createdAtMs: this.#now(),
      eventName: before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY',
      keys: JSON.stringify(key),
      newImage: newImage?.text,
      oldImage: oldImage?.text,
      bytes: bytesOf(key) + (newImage?.bytes ?? 0) + (oldImage?.bytes ?? 0),
      isExpiry,
    };
  }
}

/** The last part of a stream's ARN. */
export const streamLabel = (createdAtMs: number): string => new Date(createdAtMs).toISOString().slice(0, -1);

const widthOf = ({ range: { from, to } }: Shard): number => to - from;

/** Whether two states of an item are equal. Texts of the same length may differ only in the order of attributes. */
function isSame(before: string | undefined, after: string | undefined): boolean {
  if (before === after) return true;
  if (before === undefined || after === undefined || before.length !== after.length) return false;
  const [a, b] = [parseItem(before), parseItem(after)].map((M: Item) => ({ M })) as [{ M: Item }, { M: Item }];
  return equal(a, b);
}
