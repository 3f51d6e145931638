import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createProgram } from '../../../bin/cli/program';
import { encodeItem } from '../../../lib/event/item';
import { anEvent, anItem } from '../../builders/items';
import { Printed } from '../../builders/printed';

const dynamodb = mockClient(DynamoDBClient);
const printed = new Printed();

beforeEach(() => {
  dynamodb.reset();
  printed.begin();
});
afterEach(() => printed.end());

const sizes = (...args: readonly string[]) =>
  createProgram('1.0.0').parseAsync([
    ...['node', 'outbox', '--table', 'outbox', '--region', 'eu-west-1', 'sizes'],
    ...args,
  ]);
const stored = (version: number, data: string) =>
  marshall(encodeItem(anItem({ version, events: [anEvent({ id: `id-${version}`, data })] })));
const compressible = JSON.stringify(Array.from({ length: 200 }, (_, n) => ({ name: 'article', n })));

test('prints the sizes of each type, and what would save write units', async () => {
  dynamodb.on(ScanCommand).resolves({ Items: [stored(1, '{}'), stored(2, compressible)], ScannedCount: 2 });
  await sizes();
  expect(printed.text).toContain('2 items read, all that the table has\n');
  expect(printed.text).toMatch(/order\.placed +2 +2 +\d{3} +[\d,]{5} +[\d,]{5} +10\.5 +10\.5 +3\.0 \(-71 %\)\n/);
  expect(dynamodb.commandCalls(ScanCommand)[0]?.args[0].input).toMatchObject({ TableName: 'outbox', Limit: 500 });
  expect(dynamodb.commandCalls(ScanCommand)[0]?.args[0].input.ConsistentRead).toBeUndefined();
});

test('prints no data', async () => {
  dynamodb.on(ScanCommand).resolves({ Items: [stored(1, '{"secret":"4711"}')], ScannedCount: 1 });
  await sizes('--json');
  expect(JSON.parse(printed.text)).toMatchObject({ items: 1, types: [{ ceTypes: ['order.placed'] }] });
  expect(printed.text).not.toContain('4711');
});

test('of a part of the table, and of items that break the format', async () => {
  const broken = { ...stored(2, '{}'), committedAt: { S: 'now' } };
  dynamodb.on(ScanCommand).resolves({
    ...{ Items: [stored(1, '{}'), broken], ScannedCount: 2, LastEvaluatedKey: { pk: { S: 'a' } } },
  });
  await sizes('--items', '2');
  expect(printed.text).toContain(
    '2 items read, the first ones that a scan finds, 1 of them not measured: they break the format',
  );
});

test('an empty table has no columns', async () => {
  dynamodb.on(ScanCommand).resolves({ Items: [] });
  await sizes();
  expect(printed.text).toBe('0 items read, all that the table has\n');
});

test('a number of items that is none is refused', async () => {
  await expect(sizes('--items', 'all')).rejects.toThrow('It must be a whole number.');
});
