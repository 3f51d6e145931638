import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { LOCAL_REGION, localClientConfig } from '../../local/dynamodb';
import { parseFilter } from '../../local/event-source-mapping/filter';
import { LambdaInvoker } from '../../local/event-source-mapping/invoker';
import { EventSourceMapping } from '../../local/event-source-mapping/mapping';
import type { MappingSettings } from '../../local/event-source-mapping/settings';
import type { InvocationReport } from '../../local/event-source-mapping/shard-poller';
import { newLogFolder } from '../../local/folders';
import { createTable } from '../../local/table';
import { waitUntil } from '../../local/wait-until';
import { sharedDynamoDb } from './harness/shared-servers';
import { processState } from './process-state';
import { fakeFunction, type FakeFunction } from './fake-function';

const SETTINGS: MappingSettings = {
  batchSize: 100,
  maximumBatchingWindowSeconds: 0,
  bisectBatchOnFunctionError: false,
  maximumRetryAttempts: -1,
  maximumRecordAgeSeconds: -1,
  reportBatchItemFailures: true,
  startingPosition: 'TRIM_HORIZON',
  filters: [parseFilter('{"eventName":["INSERT"]}')],
};

const TABLE = {
  logicalId: 'Table',
  properties: {
    AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
  },
};

interface Running {
  readonly fake: FakeFunction;
  readonly invoker: LambdaInvoker;
  readonly mapping: EventSourceMapping;
  readonly reports: InvocationReport[];
  readonly logFile: string;
  /** Puts one item per letter, in order. */
  readonly put: (names: string) => Promise<void>;
}

let endpoint: string;
let client: DynamoDBClient;
const running: (() => Promise<void>)[] = [];

beforeAll(async () => {
  endpoint = await sharedDynamoDb();
  client = new DynamoDBClient(localClientConfig(endpoint));
});
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});
afterAll(() => {
  client.destroy();
});

/** Items in `given` are written before the mapping starts, so that they arrive in one batch. */
async function run(
  body: string,
  given: string,
  options: { settings?: Partial<MappingSettings>; timeoutSeconds?: number; memoryMb?: number; freeze?: boolean } = {},
): Promise<Running> {
  const { settings, freeze, ...limits } = options;
  const fake = fakeFunction(body, limits);
  const tableName = `table-${randomUUID()}`;
  const { streamArn } = await createTable(client, TABLE, tableName);
  const logFile = join(newLogFolder(), 'function.log');
  const invoker = new LambdaInvoker({
    function: fake.settings,
    functionName: 'fake',
    environment: {},
    region: LOCAL_REGION,
    logFile,
    freeze,
  });
  const streams = new DynamoDBStreamsClient(localClientConfig(endpoint));
  const mapping = new EventSourceMapping({
    client: streams,
    streamArn,
    region: LOCAL_REGION,
    settings: { ...SETTINGS, ...settings },
    invoke: (event) => invoker.invoke(event),
    pollIntervalMs: 50,
  });
  const reports: InvocationReport[] = [];
  mapping.on('invocation', (report) => reports.push(report));
  running.push(async () => {
    await Promise.all([mapping.stop(), invoker.stop()]);
    streams.destroy();
    fake.remove();
  });
  const put = async (names: string): Promise<void> => {
    for (const sk of names) {
      await client.send(new PutItemCommand({ TableName: tableName, Item: { pk: { S: 'a#1' }, sk: { S: sk } } }));
    }
  };
  await put(given);
  await mapping.start();
  return { fake, invoker, mapping, reports, logFile, put };
}

const errorsOf = (reports: readonly InvocationReport[]): readonly string[] =>
  reports.flatMap(({ outcome }) => (outcome.kind === 'error' ? [outcome.message] : []));

describe('the event source mapping', () => {
  it('delivers records in order, batch by batch', async () => {
    const { fake, mapping } = await run('note(names)', 'abcdefg', { settings: { batchSize: 3 } });
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['abc', 'def', 'g']);
    expect(mapping.metrics()).toMatchObject({ PolledEventCount: 7, InvokedEventCount: 7, FailedInvokeEventCount: 0 });
  });

  it('leaves out what no filter wants, without an invocation', async () => {
    const { fake, mapping } = await run('note(names)', 'abc', {
      settings: { filters: [parseFilter('{"dynamodb":{"Keys":{"sk":{"S":["b","z"]}}}}')] },
    });
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['b']);
    expect(mapping.metrics()).toMatchObject({ PolledEventCount: 3, FilteredOutEventCount: 2, InvokedEventCount: 1 });
  });

  it('gathers records until the batch is full or the batching window is over', async () => {
    const settings = { batchSize: 2, maximumBatchingWindowSeconds: 30 };
    const { fake, mapping, put } = await run('note(names)', 'a', { settings });
    await waitUntil('The first read', 60_000, () => (mapping.metrics().PolledEventCount === 1 ? true : undefined));
    await put('b');
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['ab']);

    const short = await run('note(names)', 'a', { settings: { ...settings, maximumBatchingWindowSeconds: 1 } });
    await short.mapping.caughtUp();
    expect(short.fake.notes()).toEqual(['a']);
  });

  it('takes the lowest failed record for the checkpoint and delivers everything from it again', async () => {
    const { fake, mapping, reports } = await run(
      `note(names);
       if (!noted('failed')) { note('failed'); return { batchItemFailures: [4, 2].map((i) => failFrom(event.Records[i]).batchItemFailures[0]) }; }`,
      'abcdef',
    );
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['abcdef', 'failed', 'cdef']);
    expect(reports.map(({ decision }) => decision)).toEqual(['partial', 'success']);
    expect(reports[0]!.failedFrom).toBe(reports[0]!.sequenceNumbers[2]);
    expect(mapping.metrics()).toMatchObject({ InvokedEventCount: 10, FailedInvokeEventCount: 4 });
  });

  it('bisects down to the record that throws, without consuming retries, and keeps the order', async () => {
    const { fake, mapping } = await run(`if (names.includes('c')) throw new Error('poison'); note(names)`, 'abcd', {
      settings: { bisectBatchOnFunctionError: true, maximumRetryAttempts: 0 },
    });
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['ab', 'd']);
    expect(mapping.metrics()).toMatchObject({ DroppedEventCount: 1 });
  });

  it('drops a batch that failed once more than there are retries, and goes on', async () => {
    const { fake, mapping, reports, put } = await run(
      `note(names); if (names.includes('a')) throw new Error('no')`,
      'ab',
      {
        settings: { maximumRetryAttempts: 2 },
      },
    );
    await mapping.caughtUp();
    await put('c');
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['ab', 'ab', 'ab', 'c']);
    expect(reports.map(({ retries, decision }) => `${retries} ${decision}`)).toEqual([
      '0 retry',
      '1 retry',
      '2 drop',
      '0 success',
    ]);
  });

  it('invokes nothing while it is disabled and goes on where it was', async () => {
    const { fake, mapping, put } = await run('note(names)', 'a');
    await mapping.caughtUp();
    await mapping.disable();
    await put('bc');
    await sleep(500);
    expect(fake.notes()).toEqual(['a']);
    mapping.enable();
    await mapping.caughtUp();
    expect(fake.notes().join('')).toBe('abc');
  });

  it('delivers the last batch once more on demand', async () => {
    const { fake, mapping } = await run('note(names)', 'abcd', { settings: { batchSize: 2 } });
    await mapping.caughtUp();
    await mapping.redeliverLast();
    expect(fake.notes()).toEqual(['ab', 'cd', 'cd']);
  });

  it('goes back to an earlier sequence number on demand', async () => {
    const { fake, mapping, reports } = await run('note(names)', 'abcd');
    await mapping.caughtUp();
    await mapping.redeliver(reports[0]!.sequenceNumbers[1]!);
    await mapping.caughtUp();
    expect(fake.notes()).toEqual(['abcd', 'bcd']);
  });

  it('reports the age of the last record of a batch', async () => {
    const { mapping, reports, put } = await run('await sleep(1500)', '');
    const before = Date.now();
    await mapping.caughtUp();
    await put('a');
    await mapping.caughtUp();
    const [{ iteratorAgeMs }] = reports as [InvocationReport];
    // The age includes the function's own time. Rounding to a second adds at most one second.
    expect(iteratorAgeMs).toBeGreaterThanOrEqual(1_500);
    expect(iteratorAgeMs).toBeLessThanOrEqual(Date.now() - before + 1_000);
    expect(mapping.metrics()).toMatchObject({ IteratorAge: iteratorAgeMs, IteratorAgeMaximum: iteratorAgeMs });
  });
});

describe('the function', () => {
  it('is killed at its timeout, and its batch comes again to a new process', async () => {
    const { fake, mapping, reports, invoker } = await run(
      `note(names + (context.getRemainingTimeInMillis() <= 1000)); if (!noted('hung')) { note('hung'); for (;;); }`,
      'ab',
      { timeoutSeconds: 1 },
    );
    const pids: number[] = [];
    invoker.on('started', ({ pid }) => pids.push(pid));
    await mapping.caughtUp();
    const errors = errorsOf(reports);
    // One timeout, unless the machine stalls for a second: then the record is delivered once more.
    expect(new Set(errors)).toEqual(new Set(['Task timed out after 1.00 seconds']));
    expect(new Set(pids).size).toBe(errors.length + 1);
    expect(fake.notes()).toEqual(['abtrue', 'hung', ...errors.map(() => 'abtrue')]);
    expect(reports[0]!.durationMs).toBeGreaterThanOrEqual(990);
    expect(reports.at(-1)).toMatchObject({ decision: 'success' });
  });

  it('is killed when it takes more memory than it has', async () => {
    const { mapping, reports } = await run(
      `if (!noted('grown')) { note('grown'); const held = []; for (;;) { if (held.length < 20) held.push(Buffer.alloc(2e7, 1)); await sleep(10); } }`,
      'a',
      { memoryMb: 128 },
    );
    await mapping.caughtUp();
    expect(errorsOf(reports)).toEqual(['Runtime exited with error: signal: killed (limit 128 MB)']);
  });

  it('loses nothing when it is killed in the middle of a batch', async () => {
    const { fake, mapping, reports, invoker } = await run(
      `const again = noted('began ' + names); note('began ' + names); if (!again) await sleep(60_000); note('ended ' + names)`,
      'abc',
      { timeoutSeconds: 60 },
    );
    await waitUntil('The first batch', 60_000, () => (fake.notes().length > 0 ? true : undefined));
    await invoker.kill();
    await mapping.caughtUp();
    expect(errorsOf(reports)).toEqual(['Runtime exited with error: signal: killed']);
    expect(fake.notes()).toEqual(['began abc', 'began abc', 'ended abc']);
  });

  it('reports its output when it ends by itself', async () => {
    const { mapping, reports, logFile } = await run(
      `if (!noted('gone')) { note('gone'); console.log('about to go'); process.exit(3); }`,
      'a',
    );
    await mapping.caughtUp();
    expect(errorsOf(reports)).toEqual(['Runtime exited with error: exit status 3']);
    await waitUntil('The log', 60_000, () => readFileSync(logFile, 'utf8').includes('about to go') || undefined);
  });

  it('keeps its process between invocations, frozen when asked to', async () => {
    const { fake, mapping, invoker, put } = await run('note(String(process.pid))', 'a', { freeze: true });
    await mapping.caughtUp();
    await waitUntil('The stop of the process', 60_000, () => processState(invoker.pid!) === 'T' || undefined);
    await put('b');
    await mapping.caughtUp();
    expect(fake.notes()).toEqual([String(invoker.pid), String(invoker.pid)]);
  });

  it('sees nothing of the environment of this process but PATH, HOME and TZ', async () => {
    process.env['NOT_FOR_THE_FUNCTION'] = '1';
    const { fake, mapping } = await run('note(Object.keys(process.env).sort().join())', 'a');
    await mapping.caughtUp();
    const names = fake.notes()[0]!.split(',');
    expect(names).toEqual(
      expect.arrayContaining(['AWS_LAMBDA_FUNCTION_NAME', 'AWS_REGION', 'LAMBDA_TASK_ROOT', 'PATH']),
    );
    expect(names.filter((name) => !/^(AWS_|LAMBDA_|_HANDLER$|PATH$|HOME$|TZ$)/.test(name))).toEqual([]);
  });

  it('reports a module that cannot be loaded with its reason, and the batch waits', async () => {
    const { mapping, reports } = await run('}; throw new Error("broken module"); {', 'a', {
      settings: { maximumRetryAttempts: 1 },
    });
    await mapping.caughtUp();
    expect(errorsOf(reports)).toEqual(Array(2).fill(expect.stringContaining('broken module')));
  });
});
