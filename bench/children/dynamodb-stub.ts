// A stub of DynamoDB: a BatchGetItem finds open items of the benchmark, other reads find nothing, every write succeeds. Each request takes `ANSWER_AFTER_MS`.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { idOf } from '../item-id';

export interface StubCounts {
  readonly queries: number;
  /** Requests that look items up. */
  readonly lookups: number;
  readonly markCalls: number;
  readonly marks: number;
  /** Of consumers: items read, requests that write, and the updates in them, which are the effects. */
  readonly reads: number;
  readonly writeCalls: number;
  readonly effects: number;
}

/** Messages of the stub to its parent: its port, and later the counts since the last such message. */
export type StubMessage =
  { readonly kind: 'listening'; readonly port: number } | ({ readonly kind: 'counts' } & StubCounts);

const ANSWER_AFTER_MS = 5;

const NONE: StubCounts = { queries: 0, lookups: 0, markCalls: 0, marks: 0, reads: 0, writeCalls: 0, effects: 0 };

let counts = NONE;

interface Request {
  readonly Statements?: readonly unknown[];
  readonly TransactItems?: readonly { readonly Update?: unknown }[];
  readonly RequestItems?: Readonly<Record<string, RequestItems>>;
}

/** Of a BatchGetItem, or of a BatchWriteItem. */
type RequestItems =
  { readonly Keys: readonly ItemKey[] } | readonly { readonly PutRequest: { readonly Item: StoredItem } }[];

type ItemKey = Readonly<Record<'pk' | 'sk', { readonly S: string }>>;
type StoredItem = ItemKey & Readonly<Record<'id', { readonly S: string }>>;

/** The ids of the items that were written, by position. Those of other items follow from their key. */
const ids = new Map<string, string>();
const positionOf = ({ pk, sk }: ItemKey): string => `${pk.S} ${sk.S}`;

function answerOf(
  operation: string,
  { Statements: statements = [], TransactItems: entries = [], RequestItems: requested = {} }: Request,
): unknown {
  switch (operation) {
    case 'Query':
      counts = { ...counts, queries: counts.queries + 1 };
      return { Count: 0, Items: [], ScannedCount: 0 };
    case 'BatchExecuteStatement':
      counts = { ...counts, markCalls: counts.markCalls + 1, marks: counts.marks + statements.length };
      return { Responses: statements.map(() => ({ TableName: 'bench' })) };
    case 'BatchGetItem':
      counts = { ...counts, lookups: counts.lookups + 1 };
      return {
        Responses: mapValues(requested, (read) => ('Keys' in read ? read.Keys.map(openItem) : [])),
        UnprocessedKeys: {},
      };
    case 'BatchWriteItem':
      for (const written of Object.values(requested)) {
        if ('Keys' in written) continue;
        for (const { PutRequest } of written) ids.set(positionOf(PutRequest.Item), PutRequest.Item.id.S);
      }
      return { UnprocessedItems: {} };
    case 'GetItem':
      counts = { ...counts, reads: counts.reads + 1 };
      return {};
    case 'UpdateItem':
      counts = { ...counts, writeCalls: counts.writeCalls + 1, effects: counts.effects + 1 };
      return {};
    case 'TransactWriteItems': {
      const effects = entries.filter(({ Update: update }) => update !== undefined).length;
      counts = { ...counts, writeCalls: counts.writeCalls + 1, effects: counts.effects + effects };
      return {};
    }
    default:
      return undefined;
  }
}

const openItem = ({ pk, sk }: ItemKey): unknown => ({
  pk,
  sk,
  id: { S: ids.get(positionOf({ pk, sk })) ?? idOf(pk.S) },
  region: { S: 'eu-west-1' },
});

const mapValues = <T>(record: Readonly<Record<string, T>>, change: (value: T) => unknown): unknown =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const operation = String(request.headers['x-amz-target']).replace(/^DynamoDB_\d+\./, '');
  const answer = answerOf(operation, JSON.parse(Buffer.concat(chunks).toString()) as Request);
  await sleep(ANSWER_AFTER_MS);
  response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(answer ?? { __type: 'UnknownOperationException', message: operation }));
}

const tell = (message: StubMessage): void => {
  process.send?.(message);
};

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => response.destroy(error as Error));
});
server.listen(0, '127.0.0.1', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }));
process.on('message', () => {
  tell({ kind: 'counts', ...counts });
  counts = NONE;
});
process.on('disconnect', () => process.exit());
