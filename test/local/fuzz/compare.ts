import * as sdk from '@aws-sdk/client-dynamodb';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { normalNumber } from '../../../lib/testing/dynamodb/decimal';
import { memoryClient } from '../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../lib/testing/dynamodb/memory-dynamodb';
import { DIFFERENCES } from './differences';
import { TABLES, type FuzzRequest } from './requests';

/** The result of a request: its response, or its error. */
export interface Outcome {
  readonly answer?: unknown;
  readonly error?: string;
  readonly reasons?: readonly unknown[];
  readonly item?: unknown;
  readonly message?: string;
}

export interface Divergence {
  readonly request: FuzzRequest;
  readonly memory: Outcome;
  readonly local: Outcome;
}

export class Counts {
  requests = 0;
  accepted = 0;
  refused = 0;
  notSimulated = 0;
  readonly known = new Map<string, number>();
}

/** Creates empty tables in DynamoDB Local. */
export async function createTables(client: DynamoDBClient): Promise<void> {
  for (const [TableName, schema] of Object.entries(TABLES)) {
    const keys = Object.entries(schema);
    await client.send(
      new sdk.CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
        KeySchema: keys.map(([AttributeName], at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
      }),
    );
  }
}

let cases = 0;

/**
 * Sends the requests to tables in memory and to DynamoDB Local, both empty, until the two differ. It leaves the tables
 * of DynamoDB Local empty. Resolves with the first divergence of a response or of the final table contents.
 */
export async function divergenceOf(
  requests: readonly FuzzRequest[],
  local: DynamoDBClient,
  counts: Counts,
): Promise<Divergence | undefined> {
  const memory = memoryClient(new MemoryDynamoDb(TABLES, Date.now), 'eu-west-1', () => undefined);
  const prefix = `${Date.now().toString(36)}-${cases++}`;
  try {
    for (const request of requests) {
      const sent = withToken(request, prefix);
      const divergence = { request, memory: await outcomeOf(memory, sent), local: await outcomeOf(local, sent) };
      counts.requests++;
      if (divergence.memory.error === 'not-simulated') {
        counts.notSimulated++;
        // Only DynamoDB Local may have executed the request, so the tables may differ from here on.
        return undefined;
      }
      counts[divergence.local.error === undefined ? 'accepted' : 'refused']++;
      const verdict = judge(divergence);
      if (verdict === 'diverges') return divergence;
      if (verdict !== 'same') counts.known.set(verdict, (counts.known.get(verdict) ?? 0) + 1);
      if (verdict !== 'same' && isAccepted(divergence.memory) !== isAccepted(divergence.local)) return undefined;
    }
    for (const TableName of Object.keys(TABLES)) {
      const request = { operation: 'Scan', input: { TableName } };
      const state = { request, memory: await outcomeOf(memory, request), local: await outcomeOf(local, request) };
      if (judge(state) === 'diverges') return state;
    }
    return undefined;
  } finally {
    await empty(local);
    memory.destroy();
  }
}

const isAccepted = ({ error }: Outcome): boolean => error === undefined;

function judge(divergence: Divergence): string {
  const { memory, local } = divergence;
  const plain = ({ message: _, ...rest }: Outcome): string => JSON.stringify(rest, canonical);
  if (plain(memory) === plain(local)) return 'same';
  // No exception is allowed if the memory accepts a request that DynamoDB Local refuses.
  if (isAccepted(memory) && !isAccepted(local)) return 'diverges';
  return DIFFERENCES.find(({ applies }) => applies(divergence))?.what ?? 'diverges';
}

/** DynamoDB remembers a token for ten minutes, so each case has its own. */
function withToken({ operation, input }: FuzzRequest, prefix: string): FuzzRequest {
  const token = input['ClientRequestToken'];
  if (typeof token !== 'string') return { operation, input };
  return { operation, input: { ...input, ClientRequestToken: `${prefix}-${token}` } };
}

type Command = ConstructorParameters<typeof sdk.GetItemCommand>;

async function outcomeOf(client: DynamoDBClient, { operation, input }: FuzzRequest): Promise<Outcome> {
  const Command = (sdk as unknown as Record<string, new (...input: Command) => sdk.GetItemCommand>)[
    `${operation}Command`
  ];
  if (Command === undefined) throw new Error(`There is no command ${operation}.`);
  try {
    const { $metadata: _, ...answer } = await client.send(new Command(structuredClone(input) as unknown as Command[0]));
    return { answer };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const {
      code,
      CancellationReasons: reasons,
      Item,
    } = error as {
      readonly code?: string;
      readonly CancellationReasons?: readonly { readonly Code?: string; readonly Item?: unknown }[];
      readonly Item?: unknown;
    };
    return {
      error: code ?? error.name,
      reasons: reasons?.map(({ Code, Item: item }) => ({ Code, Item: item })),
      item: Item,
      message: error.message,
    };
  }
}

async function empty(client: DynamoDBClient): Promise<void> {
  for (const [TableName, schema] of Object.entries(TABLES)) {
    const { Items = [] } = await client.send(new sdk.ScanCommand({ TableName }));
    for (const item of Items) {
      const Key = Object.fromEntries(Object.keys(schema).map((name) => [name, item[name] ?? { NULL: true }]));
      await client.send(new sdk.DeleteItemCommand({ TableName, Key }));
    }
  }
}

/** Sets and the items of a scan have no order, and numbers have one form. */
function canonical(name: string, value: unknown): unknown {
  if (name === 'ConsumedCapacity') return undefined;
  if (name === 'N' && typeof value === 'string') return normalNumber(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) {
    const members: readonly unknown[] = name === 'NS' ? value.map((each) => normalNumber(String(each))) : value;
    const isOrdered = !['SS', 'NS', 'BS', 'Items', 'pairs'].includes(name);
    return isOrdered ? members : members.map((each) => JSON.stringify(each, canonical)).toSorted();
  }
  if (typeof value !== 'object' || value === null) return value;
  // Buffer's own toJSON has run before this replacer.
  if ('type' in value && value.type === 'Buffer' && 'data' in value)
    return Buffer.from(value.data as number[]).toString('hex');
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
