import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { CONTROL_PARTITION } from '../../../lib/event/key';
import type { Random } from '../../../lib/testing/random';
import { EventSourceMapping } from '../../../local/event-source-mapping/mapping';
import type { InvocationReport } from '../../../local/event-source-mapping/shard-poller';
import { LOCAL_REGION } from '../../../local/dynamodb';
import type { Stack } from '../../../local/stack';
import { switchStream } from '../../../local/table';
import { Sandboxes, type Deviation } from './sandboxes';

export interface RelayOptions {
  readonly stack: Stack;
  readonly endpoint: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly random: Random;
  /** Of another relay than the template's. */
  readonly codeFolder: string | undefined;
  /** Other than the template's. */
  readonly batchSize: number | undefined;
  /** How the sandboxes differ that log in. */
  readonly login: Deviation;
}

const POLL_MS = 100;
const SWEEP_EVERY_MS = 10_000;
const KEPT_BATCHES = 20;
const REWIND_MS = 20_000;

/** The relay as it is deployed, its event source mapping, and its sweeper on a fast schedule. */
export class RelaySide {
  readonly sandboxes: Sandboxes;
  readonly mapping: EventSourceMapping;
  readonly login: Deviation;
  readonly counts = { invocations: 0, bisects: 0, partial: 0, retries: 0, sweeps: 0, sweepFailures: 0, trimmed: 0 };
  readonly #stack: Stack;
  readonly #streams: DynamoDBStreamsClient;
  /** First sequence numbers of the latest batches, to be read again from there. */
  readonly #batches: { readonly shardId: string; readonly from: string }[] = [];
  readonly #ended = new AbortController();
  #sweeping: Promise<void> | undefined;
  #isLate = false;

  constructor({ stack, endpoint, environment, random, codeFolder, batchSize, login }: RelayOptions) {
    const { template, tableName, region, credentials } = stack;
    this.#stack = stack;
    this.login = login;
    this.sandboxes = new Sandboxes({
      function: { ...template.relay, ...(codeFolder === undefined ? {} : { codeFolder }) },
      ...{ region, random, logFolder: stack.logFolder },
      environment: {
        ...template.relay.environment(tableName, region),
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_ENDPOINT_URL_DYNAMODB: endpoint,
        ...environment,
      },
    });
    this.#streams = new DynamoDBStreamsClient(stack.clientConfig);
    this.mapping = new EventSourceMapping({
      ...{ client: this.#streams, streamArn: stack.streamArn, region: LOCAL_REGION },
      settings: { ...stack.settings, ...(batchSize === undefined ? {} : { batchSize }) },
      invoke: (event) => this.sandboxes.invoke(event),
      pollIntervalMs: POLL_MS,
    });
    this.mapping.on('invocation', (report) => this.#note(report));
  }

  async start(): Promise<void> {
    await this.mapping.start();
    this.#sweeping = this.#sweepRegularly();
  }

  /** While it is set, the schedule invokes no sweeper. */
  set isSweeperLate(isLate: boolean) {
    this.#isLate = isLate;
  }

  /** Reads the stream again from a batch that was delivered before. Returns whether there was one. */
  async rewind(random: Random): Promise<boolean> {
    const batch = random.pick(this.#batches);
    if (batch === undefined) return false;
    // Resolves when the shard begins its next turn, which never comes if it is closed and read.
    await Promise.race([this.mapping.redeliver(batch.from, batch.shardId), sleep(REWIND_MS)]);
    return true;
  }

  /** Switches the stream off and on; the mapping reads the new one. */
  async recreateStream(): Promise<void> {
    const { template, tableName, clientConfig } = this.#stack;
    const client = new DynamoDBClient(clientConfig);
    try {
      this.#batches.length = 0;
      await this.mapping.follow(await switchStream(client, template.table, tableName));
    } finally {
      client.destroy();
    }
  }

  /** As the sweeper does when items have waited for twelve hours. */
  async suspectGap(): Promise<void> {
    const { tableName, clientConfig } = this.#stack;
    const client = new DynamoDBClient(clientConfig);
    await client.send(
      new UpdateItemCommand({
        ...{ TableName: tableName, Key: { pk: { S: CONTROL_PARTITION }, sk: { S: '!state' } } },
        UpdateExpression: 'SET doubtSince = :since ADD revision :one',
        ExpressionAttributeValues: { ':since': { N: String(Date.now()) }, ':one': { N: '1' } },
      }),
    );
    client.destroy();
  }

  async sweep(): Promise<void> {
    try {
      await this.#stack.sweep();
      this.counts.sweeps++;
    } catch {
      this.counts.sweepFailures++;
    }
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await Promise.all([this.mapping.stop(), this.sandboxes.stop(), this.#stack.sweeper.kill()]);
    await this.#sweeping;
    this.#streams.destroy();
  }

  async #sweepRegularly(): Promise<void> {
    for (;;) {
      await sleep(SWEEP_EVERY_MS, undefined, { signal: this.#ended.signal }).catch(() => undefined);
      if (this.#ended.signal.aborted) return;
      if (this.#isLate) continue;
      await this.#stack.probe().catch(() => this.counts.sweepFailures++);
      await this.sweep();
    }
  }

  #note({ decision, shardId, sequenceNumbers }: InvocationReport): void {
    this.counts.invocations++;
    if (decision === 'bisect') this.counts.bisects++;
    if (decision === 'partial') this.counts.partial++;
    if (decision === 'retry') this.counts.retries++;
    const [from] = sequenceNumbers;
    if (from !== undefined) this.#batches.push({ shardId, from });
    if (this.#batches.length > KEPT_BATCHES) this.#batches.shift();
  }
}
