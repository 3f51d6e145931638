import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import {
  dynamoDbReady,
  LOCAL_CREDENTIALS,
  LOCAL_REGION,
  localClientConfig,
  startDynamoDb,
  type LocalDynamoDb,
} from './dynamodb';
import { PROBE_EVENT } from '../lib/sweep/environment';
import type { ProbeReport } from '../lib/sweep/probe';
import type { SweepReport } from '../lib/sweep/sweep';
import { LambdaInvoker, type InvokerOptions } from './event-source-mapping/invoker';
import { EventSourceMapping } from './event-source-mapping/mapping';
import type { MappingSettings } from './event-source-mapping/settings';
import { newLogFolder } from './folders';
import { planKafka, type KafkaCluster } from './kafka/cluster';
import { createTopics } from './kafka/topics';
import { reportStep } from './progress';
import { removeStackFile, writeStackFile, type StackDescription } from './stack-file';
import { resolveStackOptions, type ResolvedStackOptions, type StackOptions } from './stack-options';
import { synthesize } from './synthesize';
import { createTable, switchStream, type LocalTable } from './table';
import { readTemplate, type FunctionSettings, type OutboxTemplate } from './template';

/** Everything that runs, and how to reach it. */
export interface Stack {
  readonly brokers: readonly string[];
  /** The nodes, to pause, kill and start; `undefined` when the cluster is not ours. */
  readonly kafka: KafkaCluster | undefined;
  readonly dynamodbEndpoint: string;
  /** `undefined` when it is not ours. */
  readonly dynamodb: LocalDynamoDb | undefined;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Spread into the constructor of any AWS client. */
  readonly clientConfig: ReturnType<typeof localClientConfig>;
  readonly tableName: string;
  /** Of the stream that the table has now. */
  readonly streamArn: string;
  readonly template: OutboxTemplate;
  /** Settings of the event source mapping, from the template. */
  readonly settings: MappingSettings;
  readonly mapping: EventSourceMapping;
  /** The process that runs the relay. */
  readonly relay: LambdaInvoker;
  /** Invokes the sweeper now, beside its schedule. Rejects when the function does. */
  sweep(): Promise<SweepReport>;
  /** Lets the sweeper ask for partitions to be tried again, as a deployed one does once a minute. */
  probe(): Promise<ProbeReport>;
  /** As `sweep`, with the memory that it took. */
  sweepMeasured(): Promise<{ readonly report: SweepReport; readonly maxRssBytes: number }>;
  readonly logFolder: string;
  /** What the relay printed. */
  readonly relayLog: string;
  /** What the sweeper printed; there is no such file before its first run. */
  readonly sweeperLog: string;
  /**
   * Switches the table's stream off and on again and lets the mapping read the new one, as a deployment does after
   * somebody has switched it. What the mapping had not delivered, it never will.
   */
  recreateStream(): Promise<void>;
  /** As written to `stackFile`. */
  describe(): StackDescription;
  /** Ends everything that was started, in order, and removes its data. A second call waits for the first. */
  stop(): Promise<void>;
}

type Undo = () => Promise<void> | void;

/**
 * Starts Kafka and DynamoDB Local (unless given), synthesizes the CDK app, creates the table, and runs the bundled relay
 * behind an event source mapping with the settings of the template.
 *
 * Nothing outlives this process, whatever ends it. When it rejects, everything it had started has ended.
 *
 * @throws LocalStackError `missing-tool`, `invalid-option`, `command-failed`, `not-ready`, `unsupported-template`.
 * @example
 * ```ts
 * const stack = await startStack({ topics: [{ topic: 'orders' }] });
 * const dynamodb = new DynamoDBClient(stack.clientConfig);
 * // … write to stack.tableName, consume from stack.brokers …
 * await stack.mapping.caughtUp();
 * await stack.stop();
 * ```
 */
export async function startStack(given: StackOptions): Promise<Stack> {
  const options = resolveStackOptions(given, process.env);
  const undo: Undo[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= undoAll(undo));
  try {
    return await assemble(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** In reverse order; what fails does not keep the rest from ending. */
async function undoAll(undo: readonly Undo[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of undo.toReversed()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything of the local stack could be ended.');
}

async function assemble(options: ResolvedStackOptions, undo: Undo[], stop: () => Promise<void>): Promise<Stack> {
  const logFolder = newLogFolder();
  const startedAt = new Date().toISOString();
  const run = randomBytes(4).toString('hex');
  const { brokers, kafka, dynamodb, template } = await startParts(options, undo, logFolder);
  const endpoint = dynamodb.endpoint;
  const clientConfig = localClientConfig(endpoint);
  const table = await reportStep(options.onProgress, 'create table and topics', async () => {
    await createTopics(brokers, options.topics);
    return createLocalTable(
      template,
      `${template.table.logicalId}-${run}`,
      clientConfig,
      dynamodb.local === undefined,
      undo,
    );
  });
  const { tableName } = table;
  let { streamArn } = table;
  const variables = await functionVariables(options, endpoint);
  const relay = makeFunction(template.relay, table, variables, {
    environment: options.environment,
    logFile: join(logFolder, RELAY_LOG),
    freeze: options.freeze,
  });
  const sweeper = makeFunction(template.sweeper, table, variables, {
    environment: options.sweeperEnvironment,
    logFile: join(logFolder, SWEEPER_LOG),
  });
  const mapping = makeMapping(options, template, table, clientConfig, relay, undo);
  undo.push(async () => {
    // The function first: the mapping waits for what runs.
    await Promise.all([mapping.stop(), relay.stop(), sweeper.stop()]);
  });
  if (options.mapping !== false)
    await reportStep(options.onProgress, 'start event source mapping', () => mapping.start());
  const describe = (): StackDescription => ({
    startedAt,
    region: LOCAL_REGION,
    credentials: { ...LOCAL_CREDENTIALS },
    dynamodbEndpoint: endpoint,
    tableName,
    streamArn,
    brokers,
    topics: options.topics.map(({ topic }) => topic),
    mapping: mapping.isEnabled ? 'Enabled' : 'Disabled',
    logFolder,
    pids: {
      stack: process.pid,
      dynamodb: dynamodb.local?.pid,
      kafka: kafka?.nodes.flatMap(({ pid }) => pid ?? []) ?? [],
      relay: relay.pid,
    },
  });
  publishDescription(options.stackFile, describe, { relay, mapping }, undo);
  return {
    brokers,
    kafka,
    dynamodbEndpoint: endpoint,
    dynamodb: dynamodb.local,
    region: LOCAL_REGION,
    credentials: { ...LOCAL_CREDENTIALS },
    clientConfig,
    tableName,
    get streamArn() {
      return streamArn;
    },
    template,
    settings: template.mapping,
    mapping,
    relay,
    sweep: async () => (await invokeSweeper(sweeper)).report,
    sweepMeasured: () => invokeSweeper(sweeper),
    probe: async () => {
      const { outcome } = await sweeper.invoke(PROBE_EVENT);
      if (outcome.kind === 'error') throw new Error(`Partitions could not be tried: ${outcome.message}`);
      // What its handler returns.
      return outcome.response as ProbeReport;
    },
    async recreateStream() {
      streamArn = await recreateStream(clientConfig, template.table, tableName);
      await mapping.follow(streamArn);
    },
    logFolder,
    relayLog: join(logFolder, RELAY_LOG),
    sweeperLog: join(logFolder, SWEEPER_LOG),
    describe,
    stop,
  };
}

const RELAY_LOG = 'relay.log';
const SWEEPER_LOG = 'sweeper.log';

interface Parts {
  readonly brokers: readonly string[];
  readonly kafka: KafkaCluster | undefined;
  readonly dynamodb: { readonly endpoint: string; readonly local: LocalDynamoDb | undefined };
  readonly template: OutboxTemplate;
}

/** Kafka, DynamoDB and the synthesis at the same time: the addresses of the brokers are known before they run. */
async function startParts(options: ResolvedStackOptions, undo: Undo[], logFolder: string): Promise<Parts> {
  const { onProgress } = options;
  const plan =
    options.brokers === undefined ? await planKafka({ nodes: options.nodes, logFolder, onProgress }) : undefined;
  const brokers = plan?.brokers ?? options.brokers ?? [];
  const startKafka = async (): Promise<KafkaCluster | undefined> => {
    if (plan === undefined) return undefined;
    const kafka = await reportStep(onProgress, `start Apache Kafka (${nodesOf(options.nodes)})`, () => plan.start());
    undo.push(() => kafka.stop());
    return kafka;
  };
  const startDynamo = async (): Promise<Parts['dynamodb']> => {
    if (options.dynamodbEndpoint !== undefined) {
      await dynamoDbReady(options.dynamodbEndpoint);
      return { endpoint: options.dynamodbEndpoint, local: undefined };
    }
    const local = await reportStep(onProgress, 'start DynamoDB Local', () => startDynamoDb({ logFolder }));
    undo.push(() => local.stop());
    return { endpoint: local.endpoint, local };
  };
  const synth = async (): Promise<OutboxTemplate> => {
    if (options.template !== undefined) return readTemplate(options.template);
    return reportStep(onProgress, 'bundle the functions and synthesize the stack', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'outbox-cdk-'));
      undo.push(() => rm(folder, { recursive: true, force: true }));
      const context = {
        auth: 'none',
        vpcId: 'none',
        topics: topicsOf(options),
        ...options.context,
      };
      return readTemplate(await synthesize(folder, context, brokers));
    });
  };
  // All of them settle before an error is passed on: what still starts would be missed by the clean-up.
  const [kafka, dynamodb, template] = await Promise.allSettled([startKafka(), startDynamo(), synth()]);
  return { brokers, kafka: valueOf(kafka), dynamodb: valueOf(dynamodb), template: valueOf(template) };
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

const nodesOf = (nodes: number): string => (nodes === 1 ? 'one node' : `${nodes} nodes`);
const topicsOf = ({ topics }: StackOptions): string => topics.map(({ topic }) => topic).join(',');

async function createLocalTable(
  template: OutboxTemplate,
  tableName: string,
  clientConfig: ReturnType<typeof localClientConfig>,
  dropsAtStop: boolean,
  undo: Undo[],
): Promise<LocalTable> {
  const client = new DynamoDBClient(clientConfig);
  undo.push(async () => {
    if (dropsAtStop) await client.send(new DeleteTableCommand({ TableName: tableName }));
    client.destroy();
  });
  return createTable(client, template.table, tableName);
}

/** What every function gets to see, beside what the template says. */
async function functionVariables(options: ResolvedStackOptions, endpoint: string): Promise<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: (await options.relayDynamodbEndpoint?.(endpoint)) ?? endpoint,
  };
}

function makeFunction(
  settings: FunctionSettings,
  { tableName }: LocalTable,
  variables: Readonly<Record<string, string>>,
  {
    environment,
    ...options
  }: Pick<InvokerOptions, 'logFile' | 'freeze'> & { readonly environment?: Readonly<Record<string, string>> },
): LambdaInvoker {
  return new LambdaInvoker({
    ...options,
    function: settings,
    functionName: `${settings.logicalId}-local`,
    region: LOCAL_REGION,
    environment: { ...settings.environment(tableName, LOCAL_REGION), ...variables, ...environment },
  });
}

async function invokeSweeper(sweeper: LambdaInvoker): ReturnType<Stack['sweepMeasured']> {
  const { outcome, maxRssBytes } = await sweeper.invoke({ 'detail-type': 'Scheduled Event', source: 'aws.events' });
  if (outcome.kind === 'error') throw new Error(`The sweeper failed: ${outcome.message}`);
  // What its handler returns.
  return { report: outcome.response as SweepReport, maxRssBytes };
}

function makeMapping(
  { pollIntervalMs }: ResolvedStackOptions,
  template: OutboxTemplate,
  { streamArn }: LocalTable,
  clientConfig: ReturnType<typeof localClientConfig>,
  relay: LambdaInvoker,
  undo: Undo[],
): EventSourceMapping {
  const client = new DynamoDBStreamsClient(clientConfig);
  undo.push(() => client.destroy());
  return new EventSourceMapping({
    client,
    streamArn,
    region: LOCAL_REGION,
    settings: template.mapping,
    invoke: (event) => relay.invoke(event),
    pollIntervalMs,
  });
}

async function recreateStream(
  clientConfig: ReturnType<typeof localClientConfig>,
  table: OutboxTemplate['table'],
  tableName: string,
): Promise<string> {
  const client = new DynamoDBClient(clientConfig);
  try {
    return await switchStream(client, table, tableName);
  } finally {
    client.destroy();
  }
}

/** The relay has a new process id after each kill, so the file is written again. */
function publishDescription(
  path: string | undefined,
  describe: () => StackDescription,
  { relay, mapping }: { readonly relay: LambdaInvoker; readonly mapping: EventSourceMapping },
  undo: Undo[],
): void {
  if (path === undefined) return;
  const write = (): void => writeStackFile(path, describe());
  write();
  relay.on('started', write);
  mapping.on('state', write);
  undo.push(() => {
    relay.off('started', write);
    mapping.off('state', write);
    removeStackFile(path);
  });
}
