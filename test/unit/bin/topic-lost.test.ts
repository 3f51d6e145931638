import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createProgram } from '../../../bin/cli/program';
import { positionOfVersion } from '../../../lib/event/position';
import * as verification from '../../../lib/operate/verify/verify';
import type { VerifyReport } from '../../../lib/operate/verify/verify';
import { Printed } from '../../builders/printed';

jest.mock('../../../lib/operate/verify/verify', (): typeof verification => ({
  ...jest.requireActual<typeof verification>('../../../lib/operate/verify/verify'),
  verify: jest.fn(),
}));

const dynamodb = mockClient(DynamoDBClient);
const since = Date.UTC(2026, 0, 31);
const printed = new Printed();

beforeEach(() => {
  dynamodb.reset();
  dynamodb.on(PutItemCommand).resolves({});
  printed.begin();
});
afterEach(() => printed.end());

/** Reports a topic with three events, two of them lost, as `verify` does. */
function found(topic: string, change: Partial<VerifyReport> = {}): void {
  const findings = [1, 2].map((n) => ({
    ...{ kind: 'missing' as const, pk: 'order#1', position: positionOfVersion(n), index: 0, id: `e${n}`, topic },
    receipt: `${topic}-0@${n}`,
  }));
  jest.mocked(verification.verify).mockImplementation(async (_target, _kafka, { onFinding }) => {
    for (const finding of findings) await onFinding?.(finding);
    return {
      ...{ tableName: 'outbox', sinceMs: since, untilMs: since + 1, events: 3, unreadable: 0, findings },
      ...{ items: { pending: 0, processed: 3, parked: 0, discarded: 0 }, absentTopics: [], unreadTopics: [] },
      ...{ missingVersions: [], moreMissingVersions: 0, gone: [] },
      ...{ expired: 0, replaced: 0, undecided: 0, unread: 0, messages: { read: 1, replayed: 0, unknown: 0 } },
      counts: [{ kind: 'missing', topic, count: findings.length }],
      shortPartitions: [{ topic, partition: 0, end: '1', receipt: '2' }],
      ...change,
    };
  });
}

const outbox = (...args: readonly string[]) =>
  createProgram('1.0.0').parseAsync([
    ...['node', 'outbox', '--table', 'outbox', '--region', 'eu-west-1', ...args],
    ...['--since', '2026-01-31T00:00:00Z', '--brokers', 'b1:9092', '--auth', 'none'],
  ]);
const replayMissing = (...args: readonly string[]) =>
  outbox('replay', '--missing', '--why', 'payments was deleted', '--by', 'me', ...args);

test('verify says that the topic was made again, and names the command that brings back what is missing', async () => {
  found('payments');
  await outbox('verify');
  expect(printed.text).toContain('payments ends before its receipts: it was made again');
  expect(printed.text).toContain('payments-0 ends at 1, its receipts go up to 2');
  expect(printed.text).toContain('Next: outbox replay --missing --since 2026-01-31T00:00:00.000Z --why');
  expect(process.exitCode).toBe(1);
});

test('verify points to the creation of a topic that does not exist, before any replay', async () => {
  found('payments', { absentTopics: ['payments'], shortPartitions: [] });
  await outbox('verify');
  expect(printed.text).toContain('Next: outbox topic create payments');
  expect(printed.text).not.toContain('replay --missing');
});

test('verify counts what a replay has published again, and is content', async () => {
  found('payments', { counts: [], findings: [], replaced: 2 });
  await outbox('verify');
  expect(printed.text).toContain('2 events whose first message is gone: a replay has published it again');
  expect(printed.text).not.toContain('Next:');
  expect(process.exitCode).toBe(0);
});

test('a replay of what is missing says what it would do, and asks for nothing without --yes', async () => {
  found('payments');
  await replayMissing();
  expect(printed.text).toContain('Missing, and would be published again: 2 events of payments.');
  expect(dynamodb.commandCalls(PutItemCommand)).toEqual([]);
  expect(process.exitCode).toBe(2);
});

test('it asks for the events that are missing, and for no others', async () => {
  found('payments');
  await replayMissing('--yes');
  expect(dynamodb.commandCalls(PutItemCommand).map(({ args: [{ input }] }) => input.Item)).toMatchObject([
    { from: { S: positionOfVersion(1) }, to: { S: positionOfVersion(2) }, ofTopic: { S: 'payments' } },
  ]);
  expect(printed.text).toContain('onReplay is "apply"');
  expect(process.exitCode).toBe(0);
});

test('it leaves other topics out when one is named', async () => {
  found('payments');
  await replayMissing('--of-topic', 'audit', '--yes');
  expect(printed.text).toContain('Nothing is missing');
  expect(dynamodb.commandCalls(PutItemCommand)).toEqual([]);
});

test('it refuses while the topic does not exist: the relay could publish nothing', async () => {
  found('payments', { absentTopics: ['payments'] });
  await expect(replayMissing('--yes')).rejects.toThrow('payments does not exist');
  expect(dynamodb.commandCalls(PutItemCommand)).toEqual([]);
});

test('a topic that could not be read is named, and is no all-clear', async () => {
  found('payments', { unreadTopics: [{ topic: 'audit', why: 'no leader' }] });
  await replayMissing('--of-topic', 'audit');
  expect(printed.text).toContain('audit could not be read to its end: no leader');
  expect(process.exitCode).toBe(1);
});
