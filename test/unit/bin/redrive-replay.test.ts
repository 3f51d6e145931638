import { DynamoDBClient, GetItemCommand, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createProgram } from '../../../bin/cli/program';
import { encodeHold } from '../../../lib/event/control';
import { positionOfVersion } from '../../../lib/event/position';
import { Printed } from '../../builders/printed';

const dynamodb = mockClient(DynamoDBClient);
const position = positionOfVersion(2);
const printed = new Printed();

beforeEach(() => {
  dynamodb.reset();
  printed.begin();
});
afterEach(() => printed.end());

const outbox = (...args: readonly string[]) =>
  createProgram('1.0.0').parseAsync(['node', 'outbox', '--table', 'outbox', '--region', 'eu-west-1', ...args]);

test.each([
  ['2', ['skip', 'order#1']],
  [position, ['skip', 'order#1']],
  ['2', ['redrive', 'order#1', '--skip']],
])('the item to discard is named as show prints it, or as --json does: %s (%j)', async (at, command) => {
  const hold = { pk: 'order#1', position, revision: '1', message: 'no', attempts: 1, since: 1 };
  const Item = marshall(encodeHold({ ...hold, state: 'holding', reason: 'message-refused' }, undefined));
  dynamodb.on(GetItemCommand).resolves({ Item });
  dynamodb.on(QueryCommand).resolves({ Items: [marshall({ pk: 'order#1', sk: position, parked: {} })] });
  await outbox(...command, '--at', at, '--why', 'a test');
  expect(printed.text).toContain('1 item would be discarded permanently (with --at 2)');
});

test('an item to discard, of a redrive that discards none, is refused', async () => {
  await expect(outbox('redrive', 'order#1', '--at', '2', '--why', 'a test')).rejects.toThrow(
    '--at belongs to outbox skip',
  );
  expect(dynamodb.calls()).toEqual([]);
});

test('a replay of a range in which nothing lies asks for nothing', async () => {
  dynamodb.on(ScanCommand).resolves({ Items: [] });
  await outbox('replay', '--since', '2h', '--why', 'a test', '--yes', '--by', 'me');
  expect(printed.text).toBe('No key has a processed item in that range: there is nothing to replay.\n');
});

test('a replay names the keys that have nothing to replay, and asks for the others', async () => {
  dynamodb
    .on(QueryCommand)
    .resolvesOnce({ Items: [marshall({ pk: 'order#1' })] })
    .resolves({ Items: [] });
  await outbox('replay', 'order#1', 'order#typo', '--from', '2', '--why', 'a test');
  expect(printed.text).toContain('order#typo: no processed item in that range.\n');
  expect(printed.text).toContain('The processed events of 1 key would be published again');
  expect(
    dynamodb.commandCalls(QueryCommand).map(({ args: [command] }) => command.input.ExpressionAttributeValues),
  ).toMatchObject([
    { ':pk': { S: 'order#1' }, ':from': { S: position }, ':to': { S: '~' } },
    { ':pk': { S: 'order#typo' } },
  ]);
});

test('a replay that ends before it begins is refused', async () => {
  await expect(outbox('replay', 'order#1', '--from', '3', '--to', '2', '--why', 'a test')).rejects.toThrow(
    'the last position is before the first',
  );
  expect(dynamodb.calls()).toEqual([]);
});
