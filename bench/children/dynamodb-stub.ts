// A DynamoDB that is always right: an empty control partition, and every mark succeeds after `ANSWER_AFTER_MS`.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface StubCounts {
  readonly queries: number;
  readonly markCalls: number;
  readonly marks: number;
}

/** What the stub tells its parent: where it listens, and later what it answered since it was last asked. */
export type StubMessage =
  { readonly kind: 'listening'; readonly port: number } | ({ readonly kind: 'counts' } & StubCounts);

const ANSWER_AFTER_MS = 5;

let counts: StubCounts = { queries: 0, markCalls: 0, marks: 0 };

interface Request {
  readonly Statements?: readonly unknown[];
}

function answerOf(operation: string, { Statements: statements = [] }: Request): unknown {
  switch (operation) {
    case 'Query':
      counts = { ...counts, queries: counts.queries + 1 };
      return { Count: 0, Items: [], ScannedCount: 0 };
    case 'BatchExecuteStatement':
      counts = { ...counts, markCalls: counts.markCalls + 1, marks: counts.marks + statements.length };
      return { Responses: statements.map(() => ({ TableName: 'bench' })) };
    default:
      return undefined;
  }
}

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
  counts = { queries: 0, markCalls: 0, marks: 0 };
});
process.on('disconnect', () => process.exit());
