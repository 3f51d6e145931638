import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ROOT } from '../../local/folders';
import { startKafka } from '../../local/kafka/cluster';
import { createTopics, withAdmin } from '../../local/kafka/topics';
import { startStack } from '../../local/stack';
import type { StackDescription } from '../../local/stack-file';
import { waitUntil } from '../../local/wait-until';
import { fakeFunction, type FakeFunction } from './fake-function';
import { processState } from './process-state';

const folder = mkdtempSync(join(tmpdir(), 'stack-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const isRunning = (pid: number): boolean => processState(pid) !== undefined;
const pidsOf = ({ pids }: StackDescription): readonly number[] =>
  [...pids.kafka, pids.dynamodb, pids.relay].filter((pid) => pid !== undefined);

/** A template of a table, a mapping and the fake function, as the CDK writes it. */
function templateOf({ settings }: FakeFunction): string {
  const path = join(folder, 'Fake.template.json');
  const asset = basename(settings.codeFolder);
  const resources = {
    Table: {
      Type: 'AWS::DynamoDB::GlobalTable',
      Properties: {
        AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      },
    },
    Function: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Code: { S3Bucket: 'assets', S3Key: `${asset}.zip` },
        Handler: settings.handler,
        Runtime: settings.runtime,
        Environment: { Variables: { TABLE: { Ref: 'Table' } } },
      },
    },
    Mapping: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: { Ref: 'Function' }, BatchSize: 10, StartingPosition: 'TRIM_HORIZON' },
    },
    Schedule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        ScheduleExpression: 'rate(1 hour)',
        Targets: [{ Arn: { 'Fn::GetAtt': ['Function', 'Arn'] } }],
      },
    },
  };
  writeFileSync(path, JSON.stringify({ Resources: resources }));
  const source = { path: settings.codeFolder.slice(dirname(settings.codeFolder).length + 1) };
  writeFileSync(
    join(folder, 'Fake.assets.json'),
    JSON.stringify({ files: { [asset]: { source: { path: join('..', source.path) } } } }),
  );
  return path;
}

describe('startStack', () => {
  it('runs the function of a template behind its table, describes itself for other programs, and leaves nothing behind', async () => {
    const fake = fakeFunction(
      'note([names, process.env.TABLE, process.env.EXTRA, process.env.AWS_ENDPOINT_URL_DYNAMODB].join())',
    );
    const stackFile = join(folder, 'stack.json');
    const steps: string[] = [];
    const stack = await startStack({
      topics: [{ topic: 'orders', partitions: 3, configs: { 'max.message.bytes': '2000' } }],
      template: templateOf(fake),
      environment: { EXTRA: 'more' },
      relayDynamodbEndpoint: (endpoint) => `${endpoint}/proxied`,
      pollIntervalMs: 50,
      stackFile,
      onProgress: ({ step, state }) => {
        if (state === 'done') steps.push(step);
      },
    });
    try {
      const client = new DynamoDBClient(stack.clientConfig);
      await client.send(new PutItemCommand({ TableName: stack.tableName, Item: { pk: { S: 'a#1' }, sk: { S: 'x' } } }));
      client.destroy();
      await stack.mapping.caughtUp();
      expect(fake.notes()).toEqual([`x,${stack.tableName},more,${stack.dynamodbEndpoint}/proxied`]);
      const topic = await withAdmin(stack.brokers, (admin) => admin.fetchTopicMetadata({ topics: ['orders'] }));
      expect(topic.topics[0]?.partitions).toHaveLength(3);
      expect(steps).toEqual(expect.arrayContaining(['start DynamoDB Local', 'create table and topics']));

      const description = JSON.parse(readFileSync(stackFile, 'utf8')) as StackDescription;
      expect(description).toEqual(JSON.parse(JSON.stringify(stack.describe())));
      expect(description).toMatchObject({
        tableName: stack.tableName,
        brokers: stack.brokers,
        topics: ['orders'],
        pids: { stack: process.pid, relay: stack.relay.pid },
      });
      const pids = pidsOf(description);
      expect(pids.map(isRunning)).toEqual([true, true, true]);

      await stack.stop();
      expect(pids.map(isRunning)).toEqual([false, false, false]);
      expect(existsSync(stackFile)).toBe(false);
    } finally {
      await stack.stop();
      fake.remove();
    }
  });

  it('ends what it had started when a part cannot start', async () => {
    const path = join(folder, 'Empty.template.json');
    writeFileSync(path, JSON.stringify({ Resources: {} }));
    const processes = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'ProcessWrap').length;
    const before = processes();
    await expect(startStack({ topics: [{ topic: 'orders' }], template: path })).rejects.toMatchObject({
      code: 'unsupported-template',
    });
    // Node.js counts a process that has ended until the next turn of the event loop. One that was left would not end.
    await waitUntil('The end of what was started', 10_000, () => (processes() <= before ? true : undefined));
  });
});

describe('startKafka', () => {
  it('gives three nodes of which one can be killed and come back with its data', async () => {
    const kafka = await startKafka({ nodes: 3 });
    try {
      await createTopics(kafka.brokers, [{ topic: 'orders', partitions: 1 }]);
      const [node] = kafka.nodes;
      const pid = node!.pid!;
      await node!.kill();
      expect(isRunning(pid)).toBe(false);
      expect(node!.pid).toBeUndefined();
      await node!.start();
      await kafka.ready();
      const { topics } = await withAdmin([node!.address], (admin) => admin.fetchTopicMetadata({ topics: ['orders'] }));
      expect(topics[0]?.partitions[0]?.replicas).toHaveLength(3);
    } finally {
      await kafka.stop();
    }
  });
});

describe('npm run local', () => {
  const start = (file: string): ChildProcess =>
    spawn(process.execPath, ['--import', 'tsx', join('local', 'start.ts'), '--json', '--file', file], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const described = async (command: ChildProcess): Promise<StackDescription> => {
    let errors = '';
    command.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const line = await Promise.race([
      once(command.stdout!, 'data').then(([chunk]) => String(chunk)),
      once(command, 'exit').then(() => Promise.reject(new Error(`It ended too early:\n${errors}`))),
    ]);
    return JSON.parse(line) as StackDescription;
  };

  it('stops everything at Ctrl-C', async () => {
    const file = join(folder, 'interrupted.json');
    const command = start(file);
    const pids = pidsOf(await described(command));
    expect(pids.map(isRunning)).toEqual([true, true]);
    const exited = once(command, 'exit');
    command.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    expect(pids.map(isRunning)).toEqual([false, false]);
    expect(existsSync(file)).toBe(false);
  });

  it('leaves nothing running even when it is killed', async () => {
    const command = start(join(folder, 'killed.json'));
    const pids = pidsOf(await described(command));
    command.kill('SIGKILL');
    await waitUntil('The end of every process', 60_000, () => (pids.some(isRunning) ? undefined : true));
  });

  it('stops what is half started at Ctrl-C', async () => {
    const command = start(join(folder, 'early.json'));
    await once(command.stderr!, 'data');
    const exited = once(command, 'exit');
    command.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
  });
});
