import { TransactWriteItemsCommand, type AttributeValue, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { cancellationCodes } from '../dynamodb/refusals';
import { type Hold, isHeldItem, refusalOf } from '../event/control';
import type { Image } from '../event/item';
import { isOpen, itemStateOf, type ItemStateName, type ParkedItem } from '../event/item-state';
import { shownPosition } from '../event/position';
import { uuidV7 } from '../event/uuid';
import { putHold, readHold } from '../relay/dynamodb/control';
import { decodeStored } from '../relay/record';
import { shellArgument } from './shell-command';
import { type OutboxTarget, readItem, refuse, requireHeldKey, timeLimited } from './target';
import { positionOf } from './where';

/** Where a copy of a deleted item comes from. */
export type RestoreSource =
  /** The text of a file: an item in DynamoDB's JSON, alone or as `Item`, `NewImage` or a record of the stream. */
  | { readonly json: string }
  /** Another table that holds the item, such as one restored to a point in time. */
  | { readonly tableName: string };

/** The item that a restore puts back. */
export interface RestorePlan {
  readonly pk: string;
  readonly position: string;
  /** The attributes of the copy; with `parked`, if the copy was made before the item was refused. */
  readonly item: Readonly<Record<string, AttributeValue>>;
  readonly state: ItemStateName;
  readonly events: readonly { readonly id: string; readonly type: string; readonly topic: string }[];
  readonly hold: Hold;
}

/**
 * Checks that the relay can read a copy, and that it is the deleted item of a held key. Changes nothing.
 *
 * @throws OutboxError `operation-refused` if the key is not held there, the item is in the table, or the copy is
 * another item, cannot be decoded, or was published or discarded; `service-unavailable` if the table does not respond.
 */
export async function planRestore(
  target: OutboxTarget,
  key: string,
  position: string,
  source: RestoreSource,
): Promise<RestorePlan> {
  const sk = positionOf(position);
  const at = shownPosition(sk);
  const hold = await readHold(timeLimited(target, `reading the hold of ${key}`), key);
  const pk = requireHeldKey('restore', key, hold);
  if (hold?.position !== sk) {
    const now = hold === undefined ? 'not held' : `held at ${shownPosition(hold.position)}`;
    return no(`${pk} is ${now}, not at ${at}. Only the item that a key waits for can be restored.`);
  }
  if (hold.state === 'draining') no(`a redrive of ${pk} is in progress. Wait until it has ended.`);
  const present = await readItem(target, { pk, sk });
  if (present !== undefined) {
    no(`an item is at ${at} of ${pk} (${itemStateOf(present).state}): a copy cannot replace it.`);
  }
  const item = 'json' in source ? parse(source.json) : await copyIn(target, source.tableName, pk, sk);
  const image = item as Image;
  if (image['pk']?.S !== pk || image['sk']?.S !== sk) {
    const [otherKey = '(none)', otherSk = '(none)'] = [image['pk']?.S, image['sk']?.S];
    no(`the copy is the item of ${otherKey} at ${shownPosition(otherSk)}, not of ${pk} at ${at}.`);
  }
  if (!isHeldItem(hold, { id: image['id']?.S })) {
    no(`the copy has the id ${image['id']?.S ?? '(none)'}; ${pk} waits for ${hold.id ?? ''}. It is another item.`);
  }
  const { state } = itemStateOf(image);
  if (!isOpen(state)) no(`the copy is ${state}. A copy from before that is needed, or nothing is missing.`);
  if (image['expiresAt'] !== undefined)
    no('the copy has "expiresAt": DynamoDB would delete it before it is published.');
  const decoded = decodeStored(image);
  if (decoded.kind === 'undecodable') return no(`the relay could not read the copy: ${decoded.message}`);
  const events = decoded.item.events.map(({ id, type, topic }) => ({ id, type, topic }));
  return { pk, position: sk, item: parkedAgain(item, hold), state, events, hold };
}

/** Adds `parked` as the deleted item had it: an item that is corrected by hand must still count as parked. */
function parkedAgain(item: RestorePlan['item'], hold: Hold): RestorePlan['item'] {
  const refused = refusalOf(hold);
  if (refused === undefined || item['parked'] !== undefined) return item;
  const parked: ParkedItem = { ...refused, attempts: hold.attempts, since: hold.since };
  return { ...item, parked: { M: marshall(parked) } };
}

/**
 * Puts the item back as the plan has it, unless an item exists at its position. The hold gets a note why the item was
 * refused before it was deleted. The key stays held: a redrive publishes the item and those behind it. A second restore
 * is refused.
 *
 * @throws OutboxError `operation-refused` if an item exists there by now, or the hold has changed; nothing was written.
 */
export async function restore(target: OutboxTarget, plan: RestorePlan): Promise<void> {
  const { pk, position, item, hold } = plan;
  const { client, tableName } = timeLimited(target, `restoring the item of ${pk}`);
  const refused = refusalOf(hold);
  const { refused: _, ...known } = hold;
  const next: Hold = { ...known, ...refused, revision: uuidV7(Date.now()) };
  const put: TransactWriteItem = {
    Put: { TableName: tableName, Item: { ...item }, ConditionExpression: 'attribute_not_exists(pk)' },
  };
  try {
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put, putHold(target, next, hold)] }));
  } catch (error) {
    const [ofItem, ofHold] = cancellationCodes(error) ?? [];
    const look = `Next: outbox show ${shellArgument(pk)}`;
    if (ofItem === 'ConditionalCheckFailed') no(`an item is at ${shownPosition(position)} of ${pk} by now. ${look}`);
    if (ofHold === 'ConditionalCheckFailed') no(`the hold of ${pk} has changed meanwhile. ${look}`);
    throw error;
  }
}

const no = (why: string): never => refuse('restore', why);

async function copyIn(target: OutboxTarget, from: string, pk: string, sk: string) {
  if (from === target.tableName) no(`${from} is the outbox table itself. Name the table that was restored next to it.`);
  const item = await readItem({ ...target, tableName: from }, { pk, sk });
  return item ?? no(`${from} has no item of ${pk} at ${shownPosition(sk)}. Restore a time at which the item existed.`);
}

const FORM = `an item in DynamoDB's JSON, as aws dynamodb get-item or aws dynamodbstreams get-records print it: {"pk":{"S":"order#42"},…}`;

function parse(json: string): Record<string, AttributeValue> {
  let value: unknown;
  try {
    value = JSON.parse(json, binaryOf);
  } catch {
    return no(`the file is no JSON. It must be ${FORM}`);
  }
  for (const wrapper of ['dynamodb', 'NewImage', 'Item']) {
    if (isMap(value) && isMap(value[wrapper])) value = value[wrapper];
  }
  if (!isMap(value)) return no(`the file must be ${FORM}`);
  for (const [name, attribute] of Object.entries(value)) requireAttribute(attribute, name);
  return value as Record<string, AttributeValue>;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Binaries are base64, as the AWS CLI prints them. An attribute that is named `B` has an object here, no text. */
function binaryOf(type: string, value: unknown): unknown {
  if (type === 'B' && typeof value === 'string') return bytes(value);
  return type === 'BS' && Array.isArray(value) ? value.map(bytes) : value;
}

const bytes = (text: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(text), 'base64'));

const ATTRIBUTE_TYPES = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'];

function requireAttribute(value: unknown, name: string): void {
  const [[type, content] = ['', undefined], ...others] = isMap(value) ? Object.entries(value) : [];
  if (others.length > 0 || !ATTRIBUTE_TYPES.includes(type)) {
    no(`"${name}" is no attribute value. The file must be ${FORM}`);
  }
  if (type === 'L') (content as unknown[]).forEach((element, at) => requireAttribute(element, `${name}[${at}]`));
  if (type !== 'M') return;
  for (const [key, inner] of Object.entries(content as object)) requireAttribute(inner, `${name}.${key}`);
}
