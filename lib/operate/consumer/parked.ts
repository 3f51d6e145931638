import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { parkedRecord } from '../../consume/dynamodb/inbox';
import {
  aggregateOf,
  decodeInboxKey,
  inboxPartitionKey,
  PARKED_PREFIX,
  parkedKeysPartition,
  requestsPartition,
  type InboxKey,
} from '../../consume/inbox-keys';
import { headerText } from '../../consume/record';
import { decodeRequest, type ConsumerRequest } from '../../consume/request';
import { partitionPages, queryPages } from '../../relay/dynamodb/pages';
import { inboxContents, refuseConsumer, requireConsumer, type InboxTarget } from './inbox-contents';
import { isNamedBy, isSelectedKey } from '../key-name';
import { mapInPortions } from '../map-keys';
import { readItem } from '../target';

/** Which parked keys: those that meet all given conditions. */
export interface ParkedSelection {
  /** `order#42`, or the Kafka key alone. Left out: all. */
  readonly keys?: readonly string[];
  readonly topic?: string;
  readonly source?: string;
  readonly aggregate?: string;
  /** Only keys whose reason contains this text. */
  readonly reason?: string;
}

/** A key that is parked, before its messages are read. */
export interface ListedParkedKey extends InboxKey {
  readonly consumer: string;
  /** Why the first of its events could not be applied, at the last attempt. */
  readonly why: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** Callbacks for parts of the result: reading a long list takes time. */
export interface ParkedParts {
  /** Called for each consumer with its selected keys, before their messages are read. */
  readonly onListed?: (keys: readonly ListedParkedKey[]) => void;
  /** Called with a hundred keys at a time, the one that is parked longest first. */
  readonly onKeys?: (keys: readonly ParkedKey[]) => void;
}

export interface ParkedOptions extends ParkedSelection, ParkedParts {
  /** Default: every consumer of the table, which is scanned for them. */
  readonly consumer?: string;
  /** Called after each page with the number of items scanned so far. */
  readonly onProgress?: (scanned: number) => void;
}

/** A message that waits in the table, without its data. */
export interface ParkedHead {
  /** Its place among the parked messages of the key; a skip names it. */
  readonly position: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly type: string;
  readonly id: string;
  /** `ce_sequence`; left out for keys without versions. */
  readonly sequence?: string;
}

/** A key of which events wait for a redrive. */
export interface ParkedKey extends ListedParkedKey {
  /** Events that wait behind the first one. As everywhere, `waiting` does not count the parked event itself. */
  readonly waiting: number;
  /** Left out if the last parked event has just been released. */
  readonly head?: ParkedHead;
  /** Requests that the consumer has not done yet. */
  readonly requests: readonly ConsumerRequest[];
}

/**
 * Returns the parked keys, the one that is parked longest first. Strongly consistent; reads only.
 *
 * @throws OutboxError `operation-refused` for a consumer of which the table holds nothing, naming those that it knows,
 * and for a table that holds nothing of any consumer: a mistyped name must not look as if nothing were parked.
 */
export async function parkedKeys(target: InboxTarget, options: ParkedOptions = {}): Promise<readonly ParkedKey[]> {
  const { consumer, onProgress } = options;
  const { tableName } = target;
  const consumers = consumer === undefined ? (await inboxContents(target, { onProgress })).consumers : [consumer];
  if (consumers.length === 0) refuseConsumer(tableName, undefined, []);
  const keys: ParkedKey[] = [];
  for (const name of consumers) {
    const parked = await parkedKeysOf(target, name, options);
    if (parked.isNoneParked && name === consumer) await requireConsumer(target, consumer, { onProgress });
    keys.push(...parked.keys);
  }
  return keys.toSorted((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1));
}

/** The selected parked keys of a consumer, the longest parked first, and whether it has parked none at all. */
export async function parkedKeysOf(
  inbox: InboxTarget,
  consumer: string,
  selection: ParkedSelection & ParkedParts,
): Promise<{ readonly keys: readonly ParkedKey[]; readonly isNoneParked: boolean }> {
  const requests = new Map<string, ConsumerRequest[]>();
  for await (const request of pendingRequests(inbox, consumer)) {
    const name = inboxPartitionKey(consumer, request.key);
    requests.set(name, [...(requests.get(name) ?? []), request]);
  }
  let isNoneParked = true;
  const { reason = '', onListed, onKeys } = selection;
  const listed: ListedParkedKey[] = [];
  for await (const { items } of partitionPages(inbox, parkedKeysPartition(consumer))) {
    for (const image of items) {
      isNoneParked = false;
      const item = unmarshall(image);
      const key = decodeInboxKey(item);
      if (!isSelected(key, selection)) continue;
      const why = String(item['why']);
      if (why.includes(reason)) listed.push({ ...key, consumer, why, since: Number(item['since']) });
    }
  }
  listed.sort((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1));
  onListed?.(listed);
  const look = async (key: ListedParkedKey): Promise<ParkedKey> => {
    const pk = inboxPartitionKey(consumer, key);
    const [parked, head] = await Promise.all([countParked(inbox, pk), headOf(inbox, pk)]);
    return { ...key, waiting: Math.max(0, parked - 1), head, requests: requests.get(pk) ?? [] };
  };
  return { keys: await mapInPortions(listed, look, onKeys), isNoneParked };
}

const isSelected = (parked: InboxKey, { topic, ...selection }: ParkedSelection): boolean =>
  (topic === undefined || parked.topic === topic) && isSelectedKey(keyAtConsumer(parked), selection);

const keyAtConsumer = (key: InboxKey) => ({ key: key.key, aggregate: aggregateOf(key), source: key.source });

/** Whether an operator's text names the parked key. */
export const isParkedUnder = (name: string, parked: InboxKey): boolean => isNamedBy(name, keyAtConsumer(parked));

const parkedOf = (pk: string) => ({
  ConsistentRead: true,
  KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
  ExpressionAttributeValues: { ':pk': { S: pk }, ':prefix': { S: PARKED_PREFIX } },
});

async function countParked(inbox: InboxTarget, pk: string): Promise<number> {
  let parked = 0;
  for await (const { count } of queryPages(inbox, { ...parkedOf(pk), ProjectionExpression: 'sk' })) parked += count;
  return parked;
}

async function headOf(inbox: InboxTarget, pk: string): Promise<ParkedHead | undefined> {
  for await (const { items } of queryPages(inbox, { ...parkedOf(pk), Limit: 1 })) {
    return items[0] === undefined ? undefined : describe(items[0]);
  }
  return undefined;
}

function describe(image: Record<string, AttributeValue>): ParkedHead {
  const item = unmarshall(image);
  const record = parkedRecord(item);
  const { topic, partition, offset } = record;
  return {
    position: String(item['sk']),
    topic,
    partition,
    offset: String(offset),
    type: headerText(record, 'ce_type') ?? '',
    id: headerText(record, 'ce_id') ?? '',
    sequence: headerText(record, 'ce_sequence'),
  };
}

/** The requests that the consumer has not done yet. Strongly consistent. */
export async function* pendingRequests(inbox: InboxTarget, consumer: string): AsyncGenerator<ConsumerRequest> {
  for await (const { items } of partitionPages(inbox, requestsPartition(consumer))) {
    for (const item of items) {
      const request = decodeRequest(unmarshall(item));
      if (request !== undefined) yield request;
    }
  }
}

/** The whole message at a place, as the consumer read it. Its data is shown only before it is discarded. */
export async function parkedMessage(
  target: InboxTarget,
  consumer: string,
  key: InboxKey,
  position: string,
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly value: string | null } | undefined> {
  const Item = await readItem(target, { pk: inboxPartitionKey(consumer, key), sk: position });
  if (Item === undefined) return undefined;
  const record = parkedRecord(unmarshall(Item));
  const headers = Object.keys(record.headers).map((name) => [name, headerText(record, name) ?? ''] as const);
  return { headers: Object.fromEntries(headers), value: record.value?.toString() ?? null };
}
