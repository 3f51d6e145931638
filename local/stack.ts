import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { dynamoDbReady, LOCAL_REGION, localClientConfig, startDynamoDb, type LocalDynamoDb } from './dynamodb';
import { PROBE_EVENT } from '../lib/sweep/environment';
import type { PartitionProbeReport } from '../lib/sweep/probe-partitions';
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

/** The running local stack and its addresses. */
export interface Stack {
  readonly brokers: readonly string[];
  /** The nodes, to pause, kill and start; `undefined` if this stack did not start the cluster. */
  readonly kafka: KafkaCluster | undefined;
  readonly dynamodbEndpoint: string;
  /** `undefined` if this stack did not start it. */
  readonly dynamodb: LocalDynamoDb | undefined;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Spread into the constructor of any AWS client. */
  readonly clientConfig: ReturnType<typeof localClientConfig>;
  readonly tableName: string;
  /** ARN of the table's current stream. */
  readonly streamArn: string;
  readonly template: OutboxTemplate;
  /** Settings of the event source mapping, from the template. */
  readonly settings: MappingSettings;
  readonly mapping: EventSourceMapping;
  /** The process that runs the relay. */
  readonly relay: LambdaInvoker;
  /** The process that runs the sweeper. */
  readonly sweeper: LambdaInvoker;
  /** Invokes the sweeper now, in addition to its schedule. Rejects if the function fails. */
  sweep(): Promise<SweepReport>;
  /** Invokes the sweeper to have unavailable partitions tried again, as a deployed rule does once a minute. */
  probe(): Promise<PartitionProbeReport>;
  /** Like `sweep`, with the peak memory of the function. */
  sweepMeasured(): Promise<{ readonly report: SweepReport; readonly maxRssBytes: number }>;
  readonly logFolder: string;
  /** Path of the relay's output. */
  readonly relayLog: string;
  /** Path of the sweeper's output; the file does not exist before the first run. */
  readonly sweeperLog: string;
  /**
   * Switches the table's stream off and on and lets the mapping read the new one, as a deployment does after a stream
   * was switched by hand. The mapping never delivers the undelivered records of the old stream.
   */
  recreateStream(): Promise<void>;
  /** As written to `stackFile`. */
  describe(): StackDescription;
  /** Ends everything that was started, in order, and removes its data. A second call waits for the first. */
  stop(): Promise<void>;
}

type Undo = () => Promise<void> | void;

/**
 * Starts Kafka and DynamoDB Local (unless given), synthesizes the CDK app, creates the table, and runs the bundled
 * relay behind an event source mapping with the settings of the template.
 *
 * No started process outlives this one, even after SIGKILL. If the call rejects, everything that it started has ended.
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

/** In reverse order. A step that fails does not keep the others from running. */
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
  const clientConfig = localClientConfig(endpoint, options.accessKeyId);
  const { credentials } = clientConfig;
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
  const variables = await functionVariables(options, clientConfig);
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
    // Together: the mapping waits for the running invocation, which ends when the relay is killed.
    await Promise.all([mapping.stop(), relay.stop(), sweeper.stop()]);
  });
  if (options.mapping !== false)
    await reportStep(options.onProgress, 'start event source mapping', () => mapping.start());
  const describe = (): StackDescription => ({
    startedAt,
    region: LOCAL_REGION,
    credentials: { ...credentials },
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
    credentials: { ...credentials },
    clientConfig,
    tableName,
    get streamArn() {
      return streamArn;
    },
    template,
    settings: template.mapping,
    mapping,
    relay,
    sweeper,
    sweep: async () => (await invokeSweeper(sweeper)).report,
    sweepMeasured: () => invokeSweeper(sweeper),
    probe: async () => {
      const { outcome } = await sweeper.invoke(PROBE_EVENT);
      if (outcome.kind === 'error') throw new Error(`Partitions could not be tried: ${outcome.message}`);
      // The result of the sweeper's handler for this event.
      return outcome.response as PartitionProbeReport;
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

/** Starts Kafka and DynamoDB while it synthesizes: the addresses of the brokers are known before they run. */
async function startParts(options: ResolvedStackOptions, undo: Undo[], logFolder: string): Promise<Parts> {
  const { onProgress } = options;
  const plan =
    options.brokers === undefined
      ? await planKafka({ version: options.kafkaVersion, nodes: options.nodes, logFolder, onProgress })
      : undefined;
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
  // All of them settle before an error is thrown: the clean-up would miss a server that is still starting.
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

/** The variables of every function, in addition to those in the template. */
async function functionVariables(
  options: ResolvedStackOptions,
  { endpoint, credentials }: ReturnType<typeof localClientConfig>,
): Promise<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
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
  // The result of the sweeper's handler.
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
