import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { blocksOf } from '../unit/docs/documented-commands';
import { createInboxTable } from '../../lib/operate/consumer/create-inbox-table';
import { startWorld, STARTUP_MS, until, type World } from './harness/world';

const ROOT = join(__dirname, '../..');
let world: World;
let folder = '';
const children: ChildProcess[] = [];

/** The examples of the README as files of a service, with the names of this stack. */
function writeExamples(): void {
  mkdirSync(join(ROOT, '.outbox'), { recursive: true });
  folder = mkdtempSync(join(ROOT, '.outbox', 'readme-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { text } of blocksOf('README.md')) {
    const [, name] = /^\/\/ (\S+\.ts)\n/.exec(text) ?? [];
    if (name === undefined) continue;
    const filledIn = text
      .replace("tableName: 'outbox'", `tableName: '${world.stack.tableName}'`)
      .replace("'localhost:9092'", world.stack.brokers.map((broker) => `'${broker}'`).join(', '));
    writeFileSync(join(folder, name), filledIn);
  }
}

function start(file: string): ChildProcess {
  const { credentials, dynamodbEndpoint, region } = world.stack;
  const child = spawn(process.execPath, ['--import', 'tsx', join(folder, file)], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbEndpoint,
    },
  });
  children.push(child);
  return child;
}

beforeAll(async () => {
  world = await startWorld();
  await createInboxTable(world.client, 'shipping-inbox');
  for (const TableName of ['orders', 'shipments']) {
    await world.client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
  }
  writeExamples();
}, STARTUP_MS);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  await world.stop();
});

test('the order of the README is written, published and consumed', async () => {
  const [code] = (await once(start('place-order.ts'), 'exit')) as [number | null];
  expect(code).toBe(0);

  await until('the message', () => world.reader.ofKey('42').length === 1);
  const [message] = world.reader.ofKey('42');
  const header = (name: string): string => String(message?.headers[name]);
  expect(String(message?.value)).toBe('{"total":5}');
  expect([header('ce_type'), header('ce_source'), header('ce_subject')]).toEqual(['order.placed', '/shop/order', '42']);
  expect([header('ce_sequence'), header('ce_txevents')]).toEqual(['0000000000000001.0000', '1']);

  start('shipping.ts');
  const shipment = async (): Promise<unknown> =>
    (await world.document.get({ TableName: 'shipments', Key: { id: '42' }, ConsistentRead: true })).Item;
  await until('the shipment', async () => (await shipment()) !== undefined);
  expect(await shipment()).toEqual({ id: '42', total: 5 });
});
