import { ConditionalCheckFailedException, PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Hold } from '../event/control';
import { isHeldItem } from '../event/gone';
import type { Image } from '../event/item';
import { isOpen, itemStateOf, type ItemStateName } from '../event/item-state';
import { shownPosition } from '../event/position';
import { readHold } from '../relay/dynamodb/holds';
import { decodeStored } from '../relay/record';
import { readItem } from './read-item';
import { shellArgument } from './shell-command';
import { refuse, requireHeldKey, type Target } from './target';
import { positionOf } from './where';

/** Where a copy of a deleted item comes from. */
export type RestoreSource =
  /** The text of a file: an item in DynamoDB's JSON, alone or as `Item`, `NewImage` or a record of the stream. */
  | { readonly json: string }
  /** Another table that holds the item, such as one restored to a point in time. */
  | { readonly tableName: string };

/** What a restore will put back. */
export interface RestorePlan {
  readonly pk: string;
  readonly position: string;
  /** As the copy has it, attribute by attribute. */
  readonly item: Readonly<Record<string, AttributeValue>>;
  readonly state: ItemStateName;
  readonly events: readonly { readonly id: string; readonly type: string; readonly topic: string }[];
  readonly hold: Hold;
}

/**
 * Checks that a copy is the deleted item that a key waits for, as the relay would read it, and changes nothing.
 *
 * @throws OutboxError `operation-refused` if the key is not held there, the item is in the table, or the copy is another
 * item, cannot be decoded, or was published or discarded.
 */
export async function planRestore(
  target: Target,
  key: string,
  position: string,
  source: RestoreSource,
): Promise<RestorePlan> {
  const { client, tableName } = target;
  const sk = positionOf(position);
  const at = shownPosition(sk);
  const hold = await readHold(client, tableName, key);
  const pk = requireHeldKey('restore', key, hold);
  if (hold?.position !== sk) {
    const now = hold === undefined ? 'not held' : `held at ${shownPosition(hold.position)}`;
    return no(`${pk} is ${now}, not at ${at}. Only the item that a key waits for can be restored.`);
  }
  if (hold.state === 'draining') no(`a redrive is at work on ${pk}. Wait until it has ended.`);
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
  if (!isHeldItem(hold, image)) {
    no(`the copy has the id ${image['id']?.S ?? '(none)'}; ${pk} waits for ${hold.id ?? ''}. It is another item.`);
  }
  const { state } = itemStateOf(image);
  if (!isOpen(state)) no(`the copy is ${state}. A copy from before that is needed, or nothing is missing.`);
  if (image['expiresAt'] !== undefined)
    no('the copy has "expiresAt": DynamoDB would delete it before it is published.');
  const decoded = decodeStored(image);
  if (decoded.kind === 'undecodable') return no(`the relay could not read the copy: ${decoded.message}`);
  const events = decoded.item.events.map(({ id, type, topic }) => ({ id, type, topic }));
  return { pk, position: sk, item, state, events, hold };
}

/**
 * Puts the item back exactly as the copy has it, unless something lies at its position. The key stays held: a redrive
 * publishes the item, and what waits behind it. A second restore is refused.
 *
 * @throws OutboxError `operation-refused` when something lies there by now; nothing was written.
 */
export async function restore({ client, tableName }: Target, { pk, position, item }: RestorePlan): Promise<void> {
  try {
    await client.send(
      new PutItemCommand({ TableName: tableName, Item: { ...item }, ConditionExpression: 'attribute_not_exists(pk)' }),
    );
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    no(`an item is at ${shownPosition(position)} of ${pk} by now. Next: outbox show ${shellArgument(pk)}`);
  }
}

const no = (why: string): never => refuse('restore', why);

async function copyIn(target: Target, from: string, pk: string, sk: string) {
  if (from === target.tableName) no(`${from} is the outbox table itself. Name the table that was restored next to it.`);
  const item = await readItem({ ...target, tableName: from }, { pk, sk });
  return item ?? no(`${from} has no item of ${pk} at ${shownPosition(sk)}. Restore a time at which the item existed.`);
}

const FORM = `an item in DynamoDB's JSON, as aws dynamodb get-item or aws dynamodbstreams get-records print it: {"pk":{"S":"order#42"},…}`;

/** Binaries are base64, as the AWS CLI prints them. */
function parse(json: string): Record<string, AttributeValue> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return no(`the file is no JSON. It must be ${FORM}`);
  }
  for (const wrapper of ['dynamodb', 'NewImage', 'Item'])
    if (isMap(value) && isMap(value[wrapper])) value = value[wrapper];
  if (!isMap(value)) return no(`the file must be ${FORM}`);
  return Object.fromEntries(Object.entries(value).map(([name, attribute]) => [name, attributeOf(attribute, name)]));
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const bytes = (text: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(text), 'base64'));

function attributeOf(value: unknown, name: string): AttributeValue {
  const [[type, content] = ['', undefined], ...others] = isMap(value) ? Object.entries(value) : [];
  if (others.length > 0) no(`"${name}" is no attribute value. The file must be ${FORM}`);
  switch (type) {
    case 'B':
      return { B: bytes(content) };
    case 'BS':
      return { BS: (content as unknown[]).map(bytes) };
    case 'L':
      return { L: (content as unknown[]).map((element, at) => attributeOf(element, `${name}[${at}]`)) };
    case 'M':
      return {
        M: Object.fromEntries(
          Object.entries(content as Record<string, unknown>).map(([key, inner]) => [
            key,
            attributeOf(inner, `${name}.${key}`),
          ]),
        ),
      };
    case 'S':
    case 'N':
    case 'BOOL':
    case 'NULL':
    case 'SS':
    case 'NS':
      return value as AttributeValue;
    default:
      return no(`"${name}" is no attribute value. The file must be ${FORM}`);
  }
}
