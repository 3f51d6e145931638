import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeTombstone, holdKey, othersBehind, TOMBSTONE_SECONDS, type Hold, holdForGone } from '../../event/control';
import { identityOf } from '../../event/item';
import { elsewhere, type DrainSignal, type SkipSignal } from '../../event/signal';
import { attributeOfId } from '../../event/stored-id';
import { uuidV7 } from '../../event/uuid';
import type { ControlWriter } from './control-writer';
import { isCollectionFull, isFull } from '../../dynamodb/refusals';
import { putHold, readHold } from './control';
import type { OutboxTable } from './pages';
import { conditionalOn } from './item';
import { IS_OPEN } from '../../event/item-state';
import { putOf } from './signals';
import { KeyFailure } from '../key-failure';
import type { Clock, DrainStore } from '../ports';

export interface DrainedTable extends OutboxTable {
  /** How long a processed item stays. A discarded item stays at least as long as its tombstone. */
  readonly retentionSeconds: number;
}

/** Attempts in case a hold is replaced between its read and its write; each time another relay has made progress. */
const ATTEMPTS = 6;

export function drainStore(table: DrainedTable, writer: ControlWriter, clock: Clock): DrainStore {
  const { tableName, retentionSeconds, home } = table;
  const draining = (hold: Hold): Hold => ({ ...hold, state: 'draining', revision: uuidV7(clock.now()) });
  const tooManyRelays = (pk: string): KeyFailure =>
    new KeyFailure(`The hold of "${pk}" was replaced ${ATTEMPTS} times between its read and its write.`);

  return {
    async begin(pk, known) {
      let hold = known ?? (await readHold(table, pk));
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (hold === undefined) return undefined;
        const next = draining(hold);
        if (retentionSeconds === 0 && hold.headSeen !== true) {
          const seen: Hold = { ...next, headSeen: true };
          const refusals = await writer.write([putHold(table, seen, hold), checkHead(tableName, hold)]);
          if (refusals === undefined) return seen;
        }
        if ((await writer.write([putHold(table, next, hold)])) === undefined) return next;
        hold = await readHold(table, pk);
      }
      throw tooManyRelays(pk);
    },

    async keepForGone(hold, item, message) {
      const next = holdForGone(hold, item, message, uuidV7(clock.now()));
      const refusals = await writer.write([putHold(table, next, hold)]);
      return refusals === undefined ? { kind: 'held', hold: next } : { kind: 'superseded' };
    },

    async discard(signal, known) {
      const { pk, position, id, gone } = signal;
      const forms: DiscardForm[] = gone === true ? ['put-gap', 'note-gap', 'check-gap'] : ['note', 'delete'];
      let hold = known ?? (await readHold(table, pk));
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [form = 'check-gap'] = forms;
        if (hold?.position !== position || (gone === true && hold.id !== id)) return { kind: 'nothing' };
        const now = clock.now();
        const expiresAt = Math.ceil(now / 1000) + Math.max(retentionSeconds, TOMBSTONE_SECONDS);
        // After a note of the gap the key waits for the item that has taken the position.
        const next: Hold = { ...draining(hold), ...(form === 'note-gap' ? { id: undefined } : {}) };
        const refusals = await writer.write([
          discardAction(form, tableName, signal, hold, expiresAt),
          putTombstone(table, signal, now),
          putHold(table, next, hold),
        ]);
        if (refusals === undefined) return { kind: 'discarded', hold: next };
        const [item] = refusals;
        if (item === 'ConditionalCheckFailed') {
          // Without an id, any item at the position may be the missing one.
          if (form !== 'put-gap' || id === undefined) return { kind: 'nothing' };
          forms.shift();
        } else if (isFull(item) && forms.length > 1) forms.splice(0, forms.length - 1);
        else if (item !== undefined) throw new KeyFailure(`The item at "${position}" could not be discarded: ${item}.`);
        else hold = await readHold(table, pk);
      }
      throw tooManyRelays(pk);
    },

    async finish(pk, hold) {
      if (hold === undefined) return 'finished';
      const refusals = await writer.write([
        {
          Delete: {
            TableName: tableName,
            Key: marshall(holdKey(pk, home)),
            // The hold is already gone: the response to the same delete was lost.
            ConditionExpression: 'attribute_not_exists(pk) OR revision = :known',
            ExpressionAttributeValues: { ':known': { S: hold.revision } },
          },
        },
      ]);
      return refusals === undefined ? 'finished' : 'superseded';
    },

    async postpone(hold, successor, id) {
      const now = clock.now();
      const next: Hold = {
        reason: 'drain-unfinished',
        message: 'A drain ran out of time; it continues by its signal.',
        attempts: 0,
        since: hold?.since ?? now,
        pk: successor.pk,
        position: successor.from,
        id,
        state: 'draining',
        revision: uuidV7(now),
        ...othersBehind(successor.from, hold),
      };
      const write = (signal: DrainSignal) =>
        writer.write([putHold(table, next, hold), { Put: putOf(tableName, signal) }]);
      let refusals = await write(successor);
      if (isCollectionFull(refusals?.[1])) refusals = await write(elsewhere(successor));
      return refusals === undefined ? { kind: 'postponed', hold: next } : { kind: 'superseded' };
    },
  };
}

const checkHead = (tableName: string, { pk, position, id }: Hold): TransactWriteItem => ({
  ConditionCheck: conditionalOn(tableName, { pk, sk: position, id }, 'attribute_exists(pk)'),
});

/** The condition that the item is owed, was refused, and is the one that the signal names. */
function refusedItem(tableName: string, { pk, position, ...named }: SkipSignal, hold: Hold) {
  // If the hold is draining or waits for a partition, its item may never have been refused, so the item must be
  // `parked`. Any other hold proves the refusal, even if the item had no room for the note.
  const isRefused = hold.state === 'holding' && hold.awaits === undefined ? '' : ' AND attribute_exists(parked)';
  const id = attributeOfId(named) as AttributeValue | undefined;
  const values: Record<string, AttributeValue> | undefined = id === undefined ? undefined : { ':id': id };
  return {
    TableName: tableName,
    Key: marshall({ pk, sk: position }),
    ConditionExpression: `${IS_OPEN} AND ${id === undefined ? 'attribute_not_exists(id)' : 'id = :id'}${isRefused}`,
    ExpressionAttributeValues: values,
  };
}

const putTombstone = (
  { tableName, home }: OutboxTable,
  { pk, position, id }: SkipSignal,
  now: number,
): TransactWriteItem => ({
  Put: { TableName: tableName, Item: marshall(encodeTombstone(identityOf({ pk, sk: position, id }), now, home)) },
});

/**
 * How a discard is recorded. An item gets a note, or is deleted if it has no room for the note (400 KB, or a collection
 * at 10 GB): then the tombstone alone remembers it. The gap of a missing item is put in its place, or noted on the other
 * item at its position; if there is no room for either, only the tombstone remembers it.
 */
type DiscardForm = 'note' | 'delete' | 'put-gap' | 'note-gap' | 'check-gap';

/** The write on the item's position. If a missing item has been restored, the condition fails. */
function discardAction(
  form: DiscardForm,
  tableName: string,
  signal: SkipSignal,
  hold: Hold,
  expiresAt: number,
): TransactWriteItem {
  const { pk, position, id, request } = signal;
  const key = { pk, sk: position };
  const at = { TableName: tableName, Key: marshall(key) };
  const values: Record<string, AttributeValue> = id === undefined ? {} : { ':id': { S: id } };
  switch (form) {
    case 'note': {
      const refused = refusedItem(tableName, signal, hold);
      return {
        Update: {
          ...refused,
          UpdateExpression: 'SET discarded = :request, expiresAt = :expiresAt',
          ExpressionAttributeValues: {
            ...refused.ExpressionAttributeValues,
            ':request': { M: marshall(request) },
            ':expiresAt': { N: String(expiresAt) },
          },
        },
      };
    }
    case 'delete':
      return { Delete: refusedItem(tableName, signal, hold) };
    case 'put-gap':
      return {
        Put: {
          TableName: tableName,
          Item: marshall({ ...key, id, discarded: request, gone: true, expiresAt }, { removeUndefinedValues: true }),
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      };
    case 'note-gap':
      return {
        Update: {
          ...at,
          UpdateExpression: 'SET gap = :gap',
          ConditionExpression: 'attribute_exists(pk) AND id <> :id',
          ExpressionAttributeValues: { ...values, ':gap': { M: marshall({ ...request, id }) } },
        },
      };
    case 'check-gap':
      return {
        ConditionCheck: {
          ...at,
          ConditionExpression: `attribute_not_exists(pk)${id === undefined ? '' : ' OR id <> :id'}`,
          ...(id === undefined ? {} : { ExpressionAttributeValues: values }),
        },
      };
  }
}
