import { TransactWriteItemsCommand, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { messageOf } from '../event/errors';
import { ITEM_GONE, PARK_REASONS, type Hold, type HoldReason } from '../event/control';
import { FIRST_POSITION, shownPosition } from '../event/position';
import type { Image } from '../event/item';
import { namedIdOf } from '../event/stored-id';
import { newSignal, type DrainSignal, type OperatorNote, type SkipSignal } from '../event/signal';
import { controlStore, readHold } from '../relay/dynamodb/control';
import { forEachKey } from '../timing/for-each';
import { isOpen, itemStateOf } from '../event/item-state';
import { keyReader } from '../relay/dynamodb/keys';
import { cancellationCodes, isCollectionFull, isFull } from '../dynamodb/refusals';
import { putOf, putSignal } from '../relay/dynamodb/signals';
import { goneItems, goneLines, type GoneItem } from './gone';
import { mapKeys } from './map-keys';
import { shellArgument } from './shell-command';
import { wait } from '../timing/wait';
import { type OutboxTarget, readItem, refuse, requireHeldKey } from './target';

/** Which keys to redrive: named keys, all held keys, or those that are held for a reason. */
export type KeySelection = { readonly keys: readonly string[] } | { readonly all: true } | { readonly reason: string };

/** A key that a redrive asks for. */
export interface RedriveTarget {
  readonly pk: string;
  /** Where the drain begins: the first pending or parked item of a named key, else the position of the hold. */
  readonly from: string;
  /** `undefined` for a key that is not held, but has an item to publish. */
  readonly hold?: Hold;
  /** The item that the key waits for was deleted: only `acceptGone` releases the key. */
  readonly gone?: GoneItem;
}

/** The keys that a redrive asks for, and those that need none. */
export interface RedrivePlan {
  readonly targets: readonly RedriveTarget[];
  /** Named keys of which nothing waits: released already, or never held. */
  readonly idle: readonly string[];
}

/** A key, and the signal that was sent to the relay for it. */
export interface RelayRedrive extends RedriveTarget {
  readonly signal: DrainSignal | SkipSignal;
}

/** Whether {@link redrive} discards items, and how it reports progress. */
export interface RedriveOptions {
  /** Discard the item that holds each key, permanently. Default false. */
  readonly skip?: boolean;
  /**
   * With `skip`: if the item that holds a key was deleted, record the gap and continue without it. The event cannot be
   * read any more, so this decision must be made key by key. Default false: such a key fails.
   */
  readonly acceptGone?: boolean;
  /** Called with the number of keys that were asked for, or failed. */
  readonly onProgress?: (done: number) => void;
}

/** `asked`: the signals are durable. `failed`: these keys got no signal; ask again. */
export interface RedriveReport {
  readonly asked: readonly RelayRedrive[];
  readonly failed: readonly { readonly pk: string; readonly why: string }[];
}

/** Sends a signal for each key. A key that fails does not keep the others from theirs. */
export async function askForEach<Key extends { readonly pk: string }, Asked>(
  keys: readonly Key[],
  ask: (key: Key) => Promise<Asked>,
  onProgress?: (done: number) => void,
) {
  const asked: Asked[] = [];
  const failed: { pk: string; why: string }[] = [];
  await forEachKey(keys, async (key) => {
    try {
      asked.push(await ask(key));
    } catch (error) {
      failed.push({ pk: key.pk, why: messageOf(error) });
    }
    onProgress?.(asked.length + failed.length);
  });
  return { asked, failed };
}

const MAX_BY_CHARACTERS = 200;
const MAX_WHY_CHARACTERS = 300;

/**
 * Looks up the keys that a redrive concerns, and changes nothing.
 *
 * @throws OutboxError `operation-refused` for a malformed key, an unknown reason, or an empty list of keys.
 */
export async function planRedrive(target: OutboxTarget, selection: KeySelection): Promise<RedrivePlan> {
  if ('keys' in selection) {
    if (selection.keys.length === 0) refuse('redrive', 'no key is given.');
    const keys = [...new Set(selection.keys)];
    const planned = await mapKeys(keys, (pk) => planKey(target, pk));
    const targets = planned.filter((one) => one !== undefined);
    return { targets: await withGone(target, targets), idle: keys.filter((_, at) => planned[at] === undefined) };
  }
  if ('reason' in selection && !isReason(selection.reason)) {
    refuse('redrive', `there is no reason "${selection.reason}". Reasons are ${REASONS.join(', ')}.`);
  }
  const { holds } = await controlStore(target).read();
  const targets = [...holds.values()]
    .filter(({ reason }) => 'all' in selection || reason === selection.reason)
    .map((hold) => ({ pk: hold.pk, from: hold.position, hold }));
  return { targets: await withGone(target, targets), idle: [] };
}

async function withGone(target: OutboxTarget, targets: readonly RedriveTarget[]): Promise<readonly RedriveTarget[]> {
  const holds = targets.flatMap(({ hold }) => hold ?? []);
  const gone = await goneItems(target, holds);
  return targets.map((one) => ({ ...one, gone: gone.get(one.pk) }));
}

const REASONS: readonly HoldReason[] = [...PARK_REASONS, 'drain-unfinished', ITEM_GONE];
const isReason = (text: string): boolean => REASONS.some((reason) => reason === text);

/** From the first item, not from the newest processed one: a key that a person names may be out of order. */
async function planKey(target: OutboxTarget, pk: string): Promise<RedriveTarget | undefined> {
  const hold = await readHold(target, pk);
  requireHeldKey('redrive', pk, hold);
  for await (const page of keyReader(target, wait).pages(pk, FIRST_POSITION)) {
    const open = page.find(({ state }) => isOpen(state));
    if (open !== undefined) return { pk, from: open.sk, hold };
  }
  return hold === undefined ? undefined : { pk, from: hold.position, hold };
}

/**
 * Asks the relay to publish the items that wait. Each key takes one transaction: the signal, and a note of the request
 * on the item that holds the key. With `skip`, the item that holds each key is discarded first.
 *
 * Resolves when the signals are durable, not when the relay has acted on them. Safe to repeat: a key that is drained
 * twice publishes nothing twice. A skip concerns only the item that holds the key in the plan. With the same plan it is
 * safe to repeat; with a new plan it may concern another item.
 *
 * A key whose item was deleted fails, and nothing is written for it: see `acceptGone`.
 *
 * @throws OutboxError `operation-refused` without a name or a reason, before anything is written.
 * @example
 * ```ts
 * const target = { client: new DynamoDBClient({}), tableName: 'outbox' };
 * const plan = await planRedrive(target, { reason: 'unknown-topic' });
 * const { asked } = await redrive(target, plan, { by: 'me', at: Date.now(), why: 'the topic exists now' });
 * await follow(target, asked, { timeoutMs: 60_000 });
 * ```
 */
export async function redrive(
  target: OutboxTarget,
  plan: Pick<RedrivePlan, 'targets'>,
  request: OperatorNote,
  options: RedriveOptions = {},
): Promise<RedriveReport> {
  const { skip = false, acceptGone = false, onProgress } = options;
  checkRequest('redrive', request);
  const askFor = async (one: RedriveTarget): Promise<RelayRedrive> => {
    if (one.gone !== undefined && !(skip && acceptGone)) refuse('redrive', goneLines(one.gone).join('. Next: '));
    const signal = skip ? await skipOf(target, one, request) : drainOf(one, request);
    return { ...one, signal: await ask(target, one, signal) };
  };
  return askForEach(plan.targets, askFor, onProgress);
}

export function checkRequest(operation: string, { by, why }: OperatorNote): void {
  const no = (fault: string): never => refuse(operation, fault);
  if (why.trim() === '') no('"why" is empty. Give the reason: it is kept with the request.');
  if (why.length > MAX_WHY_CHARACTERS) {
    no(`"why" has ${why.length} characters; at most ${MAX_WHY_CHARACTERS} are allowed.`);
  }
  if (by.trim() === '' || by.length > MAX_BY_CHARACTERS) {
    no(`"by", the name of the caller, has ${by.length} characters; it must have 1 to ${MAX_BY_CHARACTERS}.`);
  }
}

const drainOf = ({ pk, from }: RedriveTarget, request: OperatorNote): DrainSignal =>
  newSignal(pk, request.at, { kind: 'drain' as const, from, request });

async function skipOf(
  target: OutboxTarget,
  { pk, hold, gone }: RedriveTarget,
  request: OperatorNote,
): Promise<SkipSignal> {
  if (hold === undefined) return refuse('skip', 'the key is not held: there is no item to discard.');
  if (hold.state === 'draining') {
    const why = 'a redrive of the key is in progress: no item is refused there now. Try again when it has ended.';
    return refuse('skip', why);
  }
  const { position } = hold;
  if (gone !== undefined) {
    return newSignal(pk, request.at, { kind: 'skip' as const, position, id: hold.id, gone: true as const, request });
  }
  const Item = await readItem(target, { pk, sk: position });
  const state = Item === undefined ? undefined : itemStateOf(Item).state;
  if (Item === undefined || state === undefined || !isOpen(state)) {
    return refuse(
      'skip',
      `the item at ${shownPosition(position)} is ${state ?? 'gone'}: there is nothing to discard. Next: outbox redrive ${shellArgument(pk)}`,
    );
  }
  return newSignal(pk, request.at, { kind: 'skip' as const, position, ...namedIdOf(Item as Image), request });
}

async function ask<S extends DrainSignal | SkipSignal>(
  { client, tableName }: OutboxTarget,
  one: RedriveTarget,
  signal: S,
): Promise<S> {
  const put: TransactWriteItem = { Put: putOf(tableName, signal) };
  const note: TransactWriteItem = {
    Update: {
      TableName: tableName,
      Key: marshall({ pk: one.pk, sk: one.hold?.position ?? one.from }),
      UpdateExpression: 'SET redriven = :request',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: { ':request': { M: marshall(signal.request) } },
    },
  };
  try {
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put, note] }));
    return signal;
  } catch (error) {
    if (!cannotTakeNote(error)) throw error;
  }
  return (await putSignal(client, tableName, signal)) as S;
}

/** Whether the item is gone or full, or its collection is full. The signal carries the request anyway. */
function cannotTakeNote(error: unknown): boolean {
  const [put, note] = cancellationCodes(error) ?? [];
  if (isCollectionFull(put)) return true;
  return put === 'None' && (note === 'ConditionalCheckFailed' || isFull(note));
}
