import { PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { Groups } from '../../../bin/cli/group-by-reason';
import { encodeHold, type Hold } from '../../../lib/event/control';
import { parkedKeys } from '../../../lib/operate/consumer/parked';
import { held } from '../../../lib/operate/held';
import { INBOX, tablesInMemory } from '../operate/table-in-memory';

const NOW = 10_000_000;
const holdOf = (n: number, reason: Hold['reason'] = 'unknown-topic'): Hold => ({
  pk: `order#${n}`,
  position: '1',
  revision: '1',
  state: 'holding',
  reason,
  message: 'Topic "audit" does not exist.',
  attempts: 1,
  since: 1_000 - n,
});

test('the reasons of all held keys are known before the first key is read, and keys come in portions', async () => {
  const { target, put } = tablesInMemory();
  await put(
    ...Array.from({ length: 250 }, (_, n) => encodeHold(holdOf(n), undefined)),
    encodeHold(holdOf(250, 'process-died'), undefined),
  );
  const told: string[] = [];
  const { client, tableName } = target;
  const send = (command: never): Promise<unknown> => {
    if ((command as object) instanceof QueryCommand && (command as QueryCommand).input.Select === 'COUNT') {
      told.push('read');
    }
    return client.send(command);
  };
  const counting = { tableName, client: Object.assign(Object.create(client) as typeof client, { send }) };
  const keys = await held(counting, {
    onHolds: ({ length }) => told.push(`${length} holds`),
    onKeys: ({ length }) => told.push(`${length} keys`),
  });
  expect(told[0]).toBe('251 holds');
  expect(told.filter((line) => line !== 'read')).toEqual(['251 holds', '100 keys', '100 keys', '51 keys']);
  expect(told.indexOf('100 keys')).toBeLessThan(102);
  expect(keys.map(({ pk }) => pk).slice(0, 2)).toEqual(['order#250', 'order#249']);

  expect((await held(target, { reason: 'process-died' })).map(({ pk }) => pk)).toEqual(['order#250']);
});

test('the same of the keys that a consumer has parked; a part of the reason selects', async () => {
  const { newClient } = tablesInMemory();
  const client = newClient();
  for (let n = 0; n < 120; n++) {
    const why = n < 5 ? 'TypeError: no address' : 'Error: no stock';
    const key = { topic: 'orders', source: '/shop/order', key: String(n) };
    const Item = marshall({ pk: 'shipping#$parked', sk: `shipping#orders#/shop/order#${n}`, ...key, why, since: n });
    await client.send(new PutItemCommand({ TableName: INBOX, Item }));
  }
  const inbox = { client, tableName: INBOX };
  const told: number[] = [];
  const keys = await parkedKeys(inbox, {
    consumer: 'shipping',
    onListed: ({ length }) => told.push(length),
    onKeys: ({ length }) => told.push(length),
  });
  expect(told).toEqual([120, 100, 20]);
  expect(keys.map(({ key }) => key).slice(0, 3)).toEqual(['0', '1', '2']);
  expect(await parkedKeys(inbox, { consumer: 'shipping', reason: 'no address' })).toHaveLength(5);
});

test('ten thousand keys of two reasons are five lines and an empty one', () => {
  const members = Array.from({ length: 10_000 }, (_, n) => ({
    reason: n % 10 === 0 ? 'message-too-large' : 'unknown-topic',
    message: n % 10 === 0 ? 'Larger than orders takes.' : n === 1 ? 'Topic "a" …' : 'Topic "audit" does not exist.',
    since: NOW - n * 1_000,
  }));
  const groups = new Groups(members, 'key', NOW);
  expect(groups.lines).toEqual([
    '  unknown-topic  9,000 keys  the longest for 2 h 46 min',
    '    8999: Topic "audit" does not exist.',
    '    1: Topic "a" …',
    '  message-too-large  1,000 keys  the longest for 2 h 46 min',
    '    Larger than orders takes.',
    '',
  ]);
  expect(members.every((member) => groups.shows(member))).toBe(true);
});

test('messages and reasons without end are counted, and those that are not shown are told with their keys', () => {
  const groups = new Groups(
    Array.from({ length: 21 }, (_, n) => ({ reason: 'handler-failed', message: `Error ${n}`, since: NOW })),
    'key',
    NOW,
  );
  expect(groups.lines).toHaveLength(6);
  expect(groups.lines.at(-2)).toBe('    and 18 other messages');
  expect(groups.shows({ reason: 'handler-failed', message: 'Error 9' })).toBe(false);

  const reasons = new Groups(
    Array.from({ length: 30 }, (_, n) => ({ reason: `Error ${n}`, message: `Error ${n}`, since: NOW })),
    'key',
    NOW,
  );
  expect(reasons.lines).toHaveLength(22);
  expect(reasons.lines.at(-2)).toBe('  10 keys for other reasons');
});

test('a list of twenty is read line by line', () => {
  const members = Array.from({ length: 20 }, () => ({ reason: 'a', message: 'b', since: NOW }));
  const groups = new Groups(members, 'key', NOW);
  expect(groups.lines).toEqual([]);
  expect(members.some((member) => groups.shows(member))).toBe(false);
});
