import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createInboxTable } from '../../../lib/operator';
import { Random } from '../../../lib/testing/random';
import { createTopics } from '../../../local/kafka/topics';
import { startStack, type Stack } from '../../../local/stack';
import { newLogFolder } from '../../../local/folders';
import { OutboxCli } from '../../local/harness/cli';
import { permissionKnown, permit } from '../../client-conformance/topics';
import { ProcessPool, bundlePrograms } from '../processes/process-pool';
import type { ConsumerProcessOptions } from '../processes/consumer-options';
import type { WriterOptions, WriterRates, WriterReport } from '../processes/writer-options';
import type { Removal } from '../history';
import { bundleRelay, type Control } from '../controls/controls';
import { configureTopic, startTestbed, type Testbed } from './brokers';
import { startDatabase, type Database, type DatabaseName } from './database';
import { FaultyDatabase } from './faulty-database';
import { CREATED_TOPICS, DEAD_LETTER_TOPICS, PARTITIONS, READ_TOPICS, TABLE, TOPIC } from './load';
import { Operator } from './operator';
import { Readers } from './readers';
import { RelaySide } from './relay';
import { startSecretServer } from './secrets';

export interface WorldOptions {
  readonly seed: number;
  readonly database: DatabaseName;
  readonly publisher: string;
  readonly writers: WriterLoad;
  readonly consumerProcesses: number;
  /** A part that is known to be wrong. */
  readonly control?: Pick<Control, 'relay' | 'consumer' | 'batchSize'>;
  readonly onProgress: (text: string) => void;
}

export interface WriterLoad {
  readonly processes: number;
  /** Transactions at a time, of each process. */
  readonly loops: number;
  readonly pauseMs: number;
  readonly rates: WriterRates;
  /** At most so many further events of a change, for a topic that no consumer reads. */
  readonly audited: number;
}

/** Short, so that a run of minutes shows what takes hours otherwise. */
const RELAY_VARIABLES = {
  OUTBOX_PARTITION_PATIENCE_SECONDS: '10',
  OUTBOX_LATE_AFTER_SECONDS: '60',
  OUTBOX_REQUEST_TIMEOUT_MS: '2000',
};
const SWEEPER_VARIABLES = {
  OUTBOX_SWEEP_AFTER_SECONDS: '30',
  OUTBOX_SWEEP_EVERY_SECONDS: '10',
  OUTBOX_FULL_SWEEP_EVERY_SECONDS: '60',
};
/** Clocks of the writers' machines. */
const SKEWS_MS = [0, 90_000, -90_000];

/** Everything that a run starts. */
export class World {
  readonly folder: string;
  readonly testbed: Testbed;
  readonly database: Database;
  readonly stack: Stack;
  readonly relay: RelaySide;
  /** Between relay, sweeper and DynamoDB. */
  readonly relayDatabase: FaultyDatabase;
  /** Between services, consumers and DynamoDB. */
  readonly serviceDatabase: FaultyDatabase;
  readonly writers: ProcessPool;
  readonly writerLogs: readonly string[];
  readonly readers: Readers;
  readonly operator: Operator;
  readonly removals: Removal[] = [];
  readonly progress: { committed: number };
  consumers: ProcessPool;
  readonly #undo: (() => Promise<unknown>)[];
  readonly #newConsumers: (isLatest: boolean) => ProcessPool;

  private constructor(
    parts: Pick<World, 'folder' | 'testbed' | 'database' | 'stack' | 'relay' | 'relayDatabase' | 'serviceDatabase'> &
      Pick<World, 'writers' | 'writerLogs' | 'readers' | 'operator' | 'progress'>,
    newConsumers: (isLatest: boolean) => ProcessPool,
    undo: (() => Promise<unknown>)[],
  ) {
    this.folder = parts.folder;
    this.testbed = parts.testbed;
    this.database = parts.database;
    this.stack = parts.stack;
    this.relay = parts.relay;
    this.relayDatabase = parts.relayDatabase;
    this.serviceDatabase = parts.serviceDatabase;
    this.writers = parts.writers;
    this.writerLogs = parts.writerLogs;
    this.readers = parts.readers;
    this.operator = parts.operator;
    this.progress = parts.progress;
    this.consumers = newConsumers(false);
    this.#newConsumers = newConsumers;
    this.#undo = undo;
  }

  /** Starts the servers, the relay and the consumers; the writers do not write yet. */
  static async start(options: WorldOptions): Promise<World> {
    const undo: (() => Promise<unknown>)[] = [];
    try {
      return await World.#assemble(options, undo);
    } catch (error) {
      await undoAll(undo);
      throw error;
    }
  }

  static async #assemble(options: WorldOptions, undo: (() => Promise<unknown>)[]): Promise<World> {
    const { seed, onProgress } = options;
    const folder = mkdtempSync(join(tmpdir(), 'outbox-chaos-'));
    undo.push(() => rm(folder, { recursive: true, force: true }));
    const logFolder = newLogFolder();
    onProgress('start three brokers and DynamoDB');
    const [testbed, database] = await Promise.all([startTestbed(), startDatabase(options.database, seed, logFolder)]);
    undo.push(
      () => testbed.stop(),
      () => database.stop(),
    );
    await createTopics(testbed.cluster.brokers, CREATED_TOPICS);
    const judged = [...READ_TOPICS, TOPIC.missing];
    for (const topic of judged) await permit(testbed, topic, 'write');
    await permissionKnown(testbed, TOPIC.orders);
    const random = new Random(seed);
    const relayDatabase = new FaultyDatabase(random);
    const serviceDatabase = new FaultyDatabase(random);
    const serviceEndpoint = await serviceDatabase.start(database.endpoint);
    const relayEndpoint = await relayDatabase.start(database.endpoint);
    undo.push(
      () => serviceDatabase.stop(),
      () => relayDatabase.stop(),
    );
    const cli = new OutboxCli();
    undo.push(() => {
      cli.remove();
      return Promise.resolve();
    });
    onProgress('synthesize the stack, create tables and topics');
    const stack = await startStack({
      topics: judged.filter((topic) => topic !== TOPIC.missing).map((topic) => ({ topic })),
      brokers: testbed.addresses.proxied,
      ...{ dynamodbEndpoint: database.endpoint, mapping: false, stackFile: cli.stackFile },
      context: { publisher: options.publisher },
      relayDynamodbEndpoint: () => relayEndpoint,
      sweeperEnvironment: SWEEPER_VARIABLES,
    });
    undo.push(() => stack.stop());
    await createTables(stack);
    const secrets = await startSecretServer(JSON.stringify(testbed.login));
    undo.push(() => secrets.stop());
    const certificate = join(folder, 'brokers.pem');
    writeFileSync(certificate, testbed.cluster.certificate ?? '');
    const wrongRelay = options.control?.relay;
    const codeFolder = wrongRelay === undefined ? undefined : join(folder, 'wrong-relay');
    if (wrongRelay !== undefined && codeFolder !== undefined) await bundleRelay(wrongRelay, codeFolder);
    const relay = new RelaySide({
      ...{ codeFolder, batchSize: options.control?.batchSize },
      ...{ stack, endpoint: relayEndpoint, random, environment: RELAY_VARIABLES },
      login: {
        environment: {
          OUTBOX_KAFKA_BROKERS: testbed.addresses.login.join(','),
          OUTBOX_KAFKA_AUTH: 'scram',
          OUTBOX_KAFKA_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-1:000000000000:secret:relay',
          AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
          NODE_EXTRA_CA_CERTS: certificate,
        },
      },
    });
    onProgress('start relay, consumers and readers');
    await bundlePrograms(folder, options.control?.consumer);
    const processLog = join(logFolder, 'processes.log');
    const { tableName, region } = stack;
    const clientConfig = { ...stack.clientConfig, endpoint: serviceEndpoint };
    const progress = { committed: 0 };
    const pool = (program: 'writer' | 'consumer', each: readonly object[]): ProcessPool =>
      new ProcessPool({
        ...{ folder, program, options: each, logFile: processLog },
        onMessage: (message) => (progress.committed += (message as WriterReport).committed),
      });
    const writers = writerOptions(options, { folder, clientConfig, tableName, region });
    const newConsumers = (isLatest: boolean): ProcessPool => {
      const each: ConsumerProcessOptions = {
        ...{ brokers: testbed.cluster.brokers, clientConfig, region },
        ...{ outboxTable: tableName, isLatest },
      };
      return pool(
        'consumer',
        Array.from({ length: options.consumerProcesses }, () => each),
      );
    };
    const world = new World(
      {
        ...{ folder, testbed, database, stack, relay, relayDatabase, serviceDatabase },
        writers: pool('writer', writers),
        writerLogs: writers.map(({ log }) => log),
        readers: new Readers(testbed, folder, processLog),
        ...{ operator: new Operator(cli), progress },
      },
      newConsumers,
      undo,
    );
    undo.push(() => relay.stop());
    await relay.start();
    undo.push(() => world.readers.stop());
    await world.readers.read([TOPIC.orders, TOPIC.payments, TOPIC.audit, TOPIC.confirmed]);
    await world.readers.read([TOPIC.archive]);
    await world.readers.read(DEAD_LETTER_TOPICS.map(({ topic }) => topic));
    undo.push(
      () => world.consumers.stop(),
      () => world.writers.stop(),
    );
    await world.consumers.start();
    return world;
  }

  /** Starts the deployment of the consumers that can read every event. */
  async deployConsumers(): Promise<void> {
    await this.consumers.stop();
    this.consumers = this.#newConsumers(true);
    await this.consumers.start();
  }

  /** Makes the topic that was missing, and lets the other one take large messages. */
  async repairTopics(): Promise<void> {
    await configureTopic(this.testbed, TOPIC.archive, 'max.message.bytes', undefined);
    await createTopics(this.testbed.cluster.brokers, [{ topic: TOPIC.missing, partitions: PARTITIONS.missing }]);
    await this.readers.read([TOPIC.missing]);
  }

  async stop(): Promise<void> {
    await undoAll(this.#undo);
  }
}

function writerOptions(
  { seed, writers: { processes, loops, pauseMs, rates, audited } }: WorldOptions,
  { folder, ...place }: { readonly folder: string } & Pick<WriterOptions, 'clientConfig' | 'tableName' | 'region'>,
): WriterOptions[] {
  return Array.from({ length: processes }, (_, slot) => ({
    ...{ ...place, seed, slot, loops, pauseMs, rates, audited, slots: processes },
    log: join(folder, `writer-${slot}.jsonl`),
    skewMs: SKEWS_MS[slot % SKEWS_MS.length] ?? 0,
  }));
}

async function createTables({ clientConfig }: Stack): Promise<void> {
  const client = new DynamoDBClient(clientConfig);
  await createInboxTable(client, TABLE.inbox);
  await client.send(
    new CreateTableCommand({
      ...{ TableName: TABLE.business, BillingMode: 'PAY_PER_REQUEST' },
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  await client.send(
    new CreateTableCommand({
      ...{ TableName: TABLE.effects, BillingMode: 'PAY_PER_REQUEST' },
      AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      // The order of the commits.
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
  client.destroy();
}

/** In reverse order. A step that fails does not keep the others from running. */
async function undoAll(undo: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of undo.toReversed()) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything of the run could be ended.');
}
