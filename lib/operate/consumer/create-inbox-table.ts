import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { OutboxError } from '../../event/errors';
import { within } from '../target';
import type { InboxTarget } from './inbox-contents';

const DEFAULT_TIMEOUT_MS = 60_000;
const POLL_MS = 200;
const TTL_ATTRIBUTE = 'expiresAt';
const KEYS: readonly KeySchemaElement[] = [
  { AttributeName: 'pk', KeyType: 'HASH' },
  { AttributeName: 'sk', KeyType: 'RANGE' },
];

/** How {@link createInboxTable} waits. */
export interface CreateInboxTableOptions {
  /** For the whole call, until the table is active. Default: 60 seconds. */
  readonly timeoutMs?: number;
}

/**
 * Creates the inbox table of a consumer, for tests, local stacks and services without CDK: the string keys `pk` and
 * `sk`, billed on demand, with `expiresAt` as its TTL attribute. Resolves when the table is active. If the table exists
 * with these keys, the call only completes what is missing, so it may be repeated and may run twice at once.
 *
 * In production, `OutboxConsumer` of `dynamodb-outbox/cdk` also protects, backs up and monitors the table.
 *
 * @example
 * ```ts
 * import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
 * import { createInboxTable } from 'dynamodb-outbox/operator';
 *
 * const client = new DynamoDBClient({ endpoint: 'http://127.0.0.1:8000' });
 * await createInboxTable(client, 'shipping-inbox');
 * ```
 *
 * @returns `created`, or `existed` if the table was there before the call
 * @throws OutboxError `operation-refused` if the table has other keys or another TTL attribute: the table is unchanged.
 * `service-unavailable` after the time limit: the table may exist, and the same call continues. Errors of the SDK are
 * passed on as they are.
 */
export async function createInboxTable(
  client: DynamoDBClient,
  tableName: string,
  options: CreateInboxTableOptions = {},
): Promise<'created' | 'existed'> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const place = { service: 'DynamoDB', place: `table ${tableName}`, action: 'creating it' } as const;
  return within(timeoutMs, place, async (abortSignal) => {
    const table = { client, tableName, abortSignal };
    const outcome = await create(table);
    checkKeys(tableName, await activeTable(table));
    await expire(table);
    return outcome;
  });
}

/** The table, and the end of the time for it. */
interface Table extends InboxTarget {
  readonly abortSignal: AbortSignal;
}

async function create({ client, tableName, abortSignal }: Table): Promise<'created' | 'existed'> {
  try {
    await client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: KEYS.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [...KEYS],
      }),
      { abortSignal },
    );
    return 'created';
  } catch (error) {
    if (error instanceof ResourceInUseException) return 'existed';
    throw error;
  }
}

async function activeTable(table: Table): Promise<TableDescription> {
  for (;;) {
    const found = await describe(table);
    if (found?.TableStatus === 'ACTIVE' || found?.TableStatus === 'UPDATING') return found;
    await sleep(POLL_MS, undefined, { signal: table.abortSignal });
  }
}

/** Returns `undefined` while a new table is not visible yet. */
async function describe({ client, tableName, abortSignal }: Table): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: tableName }), { abortSignal })).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

function checkKeys(tableName: string, { KeySchema = [], AttributeDefinitions = [] }: TableDescription): void {
  const typeOf = (name: string | undefined): string =>
    AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? '?';
  const keys = KeySchema.map(({ AttributeName, KeyType }) => `${AttributeName} (${KeyType}, ${typeOf(AttributeName)})`);
  const expected = KEYS.map(({ AttributeName, KeyType }) => `${AttributeName} (${KeyType}, S)`);
  if (keys.join() === expected.join()) return;
  refuse(`the table ${tableName} exists with the keys ${keys.join(', ')}; an inbox has ${expected.join(', ')}`);
}

async function expire(table: Table): Promise<void> {
  if (await hasTtl(table)) return;
  const { client, tableName, abortSignal } = table;
  const TimeToLiveSpecification = { AttributeName: TTL_ATTRIBUTE, Enabled: true };
  try {
    await client.send(new UpdateTimeToLiveCommand({ TableName: tableName, TimeToLiveSpecification }), { abortSignal });
  } catch (error) {
    // Another call may have enabled it meanwhile.
    if (!(await hasTtl(table))) throw error;
  }
}

/** Whether the TTL attribute is enabled, or about to be. Refuses a table with another one. */
async function hasTtl({ client, tableName, abortSignal }: Table): Promise<boolean> {
  const command = new DescribeTimeToLiveCommand({ TableName: tableName });
  const { TimeToLiveDescription: ttl } = await client.send(command, { abortSignal });
  const isOn = ttl?.TimeToLiveStatus === 'ENABLED' || ttl?.TimeToLiveStatus === 'ENABLING';
  if (!isOn || ttl.AttributeName === undefined) return false;
  if (ttl.AttributeName === TTL_ATTRIBUTE) return true;
  return refuse(
    `the table ${tableName} exists with the TTL attribute ${ttl.AttributeName}; an inbox has ${TTL_ATTRIBUTE}`,
  );
}

function refuse(why: string): never {
  throw new OutboxError('operation-refused', `The inbox table was not created: ${why}. Choose another table name.`, {
    operation: 'createInboxTable',
    why,
  });
}
