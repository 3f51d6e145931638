import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { messageOf } from '../../event/errors';
import { withoutUndefined } from '../../event/options';
import { requestResultsPartition, inboxKeyOf, requestsPartition, type InboxKey } from '../../consume/inbox-keys';
import {
  decodeRequestResult,
  encodeRequest,
  type ConsumerRequestResult,
  type ConsumerRequest,
} from '../../consume/request';
import type { OperatorNote } from '../../event/signal';
import { uuidV7 } from '../../event/uuid';
import { forEachKey } from '../../timing/for-each';
import type { ConsumerTarget } from './inbox-contents';
import { isParkedUnder, parkedKeys, type ParkedKey, type ParkedSelection } from './parked';
import { untilSettled, type FollowOptions } from '../follow';
import { checkRequest } from '../redrive';
import { readItem, refuse } from '../target';

/** The parked keys that a redrive asks for. */
export interface ParkedPlan {
  readonly targets: readonly ParkedKey[];
  /** Named keys of which nothing is parked. */
  readonly idle: readonly string[];
}

/** `asked`: the requests are durable. `failed`: these keys got no request; ask again. */
export interface ParkedRedriveReport {
  readonly asked: readonly ConsumerRequest[];
  readonly failed: readonly { readonly key: InboxKey; readonly why: string }[];
}

/**
 * Looks up the parked keys that a redrive concerns, and changes nothing.
 *
 * @throws OutboxError `operation-refused` for an empty list of keys.
 */
export async function planParkedRedrive(target: ConsumerTarget, selection: ParkedSelection): Promise<ParkedPlan> {
  const { keys } = selection;
  if (keys?.length === 0) refuse('redrive', 'no key is given.');
  const targets = await parkedKeys(target, { ...selection, consumer: target.consumer });
  const isFound = (name: string): boolean => targets.some((parked) => isParkedUnder(name, parked));
  return { targets, idle: [...new Set(keys ?? [])].filter((name) => !isFound(name)) };
}

/** How {@link redriveParked} reports progress. */
export interface ParkedRedriveOptions {
  /** Called with the number of keys that were asked for, or failed. */
  readonly onProgress?: (done: number) => void;
}

/**
 * Asks the running consumer to apply the parked events of the keys, in order: its handlers run in its own process. An
 * instance polls for requests every ten seconds, unless its option `redriveIntervalMs` differs.
 *
 * Resolves when the requests are durable, not when they are done; see {@link followParked}. Safe to repeat.
 *
 * @throws OutboxError `operation-refused` without a name or a reason, before anything is written.
 * @example
 * ```ts
 * const target = { client: new DynamoDBClient({}), tableName: 'shipping-inbox', consumer: 'shipping' };
 * const { targets } = await planParkedRedrive(target, { keys: ['42'] });
 * const { asked } = await redriveParked(target, targets, { by: 'me', at: Date.now(), why: 'stock is back' });
 * await followParked(target, asked, { timeoutMs: 60_000 });
 * ```
 */
export async function redriveParked(
  target: ConsumerTarget,
  targets: readonly InboxKey[],
  request: OperatorNote,
  options: ParkedRedriveOptions = {},
): Promise<ParkedRedriveReport> {
  const { onProgress } = options;
  checkRequest('redrive', request);
  const asked: ConsumerRequest[] = [];
  const failed: { key: InboxKey; why: string }[] = [];
  await forEachKey(targets, async (parked) => {
    const key = inboxKeyOf(parked);
    try {
      const one: ConsumerRequest = { id: uuidV7(request.at), asks: 'redrive', key, request };
      await putRequest(target, one);
      asked.push(one);
    } catch (error) {
      failed.push({ key, why: messageOf(error) });
    }
    onProgress?.(asked.length + failed.length);
  });
  return { asked, failed };
}

/**
 * Asks the running consumer to discard the message at the head of a parked key permanently, and to apply the rest. It is
 * noted as not applied, so that it leaves no gap, and marked with the request, so that a later delivery is discarded too.
 *
 * Discards only the message that heads the key in the plan: repeated with the same plan, it does nothing.
 *
 * @throws OutboxError `operation-refused` without a name or a reason, or for a key of which nothing is parked.
 */
export async function skipParked(
  target: ConsumerTarget,
  parked: ParkedKey,
  request: OperatorNote,
): Promise<ConsumerRequest> {
  checkRequest('skip', request);
  const { head } = parked;
  if (head === undefined) return refuse('skip', `nothing of ${parked.key} is parked.`);
  const { position } = head;
  const one: ConsumerRequest = { id: uuidV7(request.at), asks: 'skip', key: inboxKeyOf(parked), request, position };
  await putRequest(target, one);
  return one;
}

export async function putRequest(
  { client, tableName, consumer }: ConsumerTarget,
  request: ConsumerRequest,
): Promise<void> {
  const Item = marshall(encodeRequest(requestsPartition(consumer), request));
  await client.send(new PutItemCommand({ TableName: tableName, Item }));
}

/** A request and its answer. Without an answer, no instance has done the request in time; it stays. */
export interface FollowedRequest {
  readonly request: ConsumerRequest;
  readonly answer?: ConsumerRequestResult;
}

/** How long {@link followParked} waits. */
export type FollowParkedOptions = FollowOptions;

/** Waits until the consumer has done each request. Returns the answers in the order asked. Reads only. */
export async function followParked(
  target: ConsumerTarget,
  asked: readonly ConsumerRequest[],
  options: FollowParkedOptions,
): Promise<readonly FollowedRequest[]> {
  const { client, tableName, consumer } = target;
  const answers = new Map<string, ConsumerRequestResult>();
  await untilSettled(answers, asked.length, options, async () => {
    const open = asked.filter(({ id }) => !answers.has(id));
    await forEachKey(open, async ({ id }) => {
      const Item = await readItem({ client, tableName }, { pk: requestResultsPartition(consumer), sk: id });
      const answer = Item === undefined ? undefined : decodeRequestResult(unmarshall(Item));
      if (answer !== undefined) answers.set(id, answer);
    });
  });
  return asked.map((request) => withoutUndefined({ request, answer: answers.get(request.id) }));
}
