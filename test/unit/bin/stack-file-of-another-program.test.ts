import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInboxSession, openSession, SessionError } from '../../../bin/cli/session';

const folder = mkdtempSync(join(tmpdir(), 'outbox-stack-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stack = {
  ...{ region: 'local-1', dynamodbEndpoint: 'http://127.0.0.1:1', tableName: 'local-outbox' },
  ...{ credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, pids: { stack: process.pid } },
};

test.each([
  ['no JSON', '{'],
  ['null', 'null'],
  ['no processes', JSON.stringify({ ...stack, pids: undefined })],
  ['a process id of 0', JSON.stringify({ ...stack, pids: { stack: 0 } })],
  ['no credentials', JSON.stringify({ ...stack, credentials: null })],
  ['an endpoint that is no URL', JSON.stringify({ ...stack, dynamodbEndpoint: '127.0.0.1' })],
  ['brokers that are no list', JSON.stringify({ ...stack, brokers: 'b:9092' })],
])('a file with %s is refused by its name', async (_, content) => {
  const local = join(folder, 'stack.json');
  writeFileSync(local, content);
  const refusal = `The file ${local} does not describe a local stack.`;
  await expect(openSession({ local })).rejects.toThrow(refusal);
  expect(() => openInboxSession({ local })).toThrow(refusal);
});

test('a folder is refused by its name', async () => {
  await expect(openSession({ local: folder })).rejects.toThrow(SessionError);
  await expect(openSession({ local: folder })).rejects.toThrow(`${folder}, cannot be read`);
});
