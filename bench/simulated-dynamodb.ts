/*
 * Measures the simulated DynamoDB of local/simulated-dynamodb: transactions of two outbox items and one business item,
 * each of 1 KB, by writers without the SDK, because the SDK takes more CPU than the server.
 *
 * `node --import tsx bench/simulated-dynamodb.ts [items in the outbox table]`
 */
import { request, Agent } from 'node:http';
import { startSimulatedDynamoDb } from '../local/simulated-dynamodb/start';

const ITEMS = Number(process.argv[2] ?? 1_000_000);
const WRITERS = 32;
const KEYS = 20_000;
const REPORT_EVERY = 100_000;
const TEXT = 'x'.repeat(850);
/** The stream keeps the records of this time, or they would take as much memory as the items. */
const RETENTION_MS = 10_000;

const agent = new Agent({ keepAlive: true, maxSockets: WRITERS });

function call(endpoint: string, operation: string, body: object): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-amz-target': `DynamoDB_20120810.${operation}`, 'content-type': 'application/x-amz-json-1.0' };
    const sent = request(endpoint, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text) as Record<string, unknown>);
        else reject(new Error(`${operation}: ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

const S = (text: string) => ({ S: text });
const N = (number: number) => ({ N: String(number) });

/** Two outbox items, of two keys, and the business item. */
function transaction(n: number): object {
  const put = (key: number, version: number) => ({
    Put: {
      TableName: 'outbox',
      ConditionExpression: 'attribute_not_exists(pk)',
      Item: {
        pk: S(`order#${key}`),
        sk: S(String(version).padStart(16, '0')),
        id: S(`019b0a0a-3600-7a1b-8c2d-${String(n).padStart(12, '0')}`),
        source: S('/shop/order'),
        committedAt: N(1_796_000_000_000 + n),
        events: { L: [{ M: { id: S(`e${n}`), type: S('order.changed'), data: S(TEXT), topic: S('orders') } }] },
      },
    },
  });
  const [key, version] = [n % KEYS, Math.floor(n / KEYS)];
  return {
    ClientRequestToken: `token-${n}`,
    TransactItems: [
      put(2 * key, version),
      put(2 * key + 1, version),
      { Put: { TableName: 'business', Item: { id: S(`${key}`), version: N(version), text: S(TEXT) } } },
    ],
  };
}

/** As the relay marks: 25 items in one call. */
const marks = (from: number): object => ({
  Statements: Array.from({ length: 25 }, (_, at) => {
    const n = Math.floor((from + at) / 2);
    return {
      Statement:
        'UPDATE "outbox" SET "processedAt"=? SET "receipts"=? SET "expiresAt"=? WHERE "pk"=? AND "sk"=? AND "id"=?',
      Parameters: [
        ...[N(1_796_000_000_000), { L: [S('orders/3/123456')] }, N(1_796_000_000)],
        ...[S(`order#${2 * (n % KEYS) + ((from + at) % 2)}`), S(String(Math.floor(n / KEYS)).padStart(16, '0'))],
        S(`019b0a0a-3600-7a1b-8c2d-${String(n).padStart(12, '0')}`),
      ],
    };
  }),
});

async function inParallel(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function main(): Promise<void> {
  const server = await startSimulatedDynamoDb({ shards: 8, retentionMs: RETENTION_MS });
  const { endpoint } = server;
  const measured = async (what: string, count: number, work: (n: number) => Promise<unknown>): Promise<void> => {
    const [before, startedAt] = [await server.statistics(), performance.now()];
    await inParallel(count, work);
    const [after, seconds] = [await server.statistics(), (performance.now() - startedAt) / 1000];
    const cpu = (after.cpuMs - before.cpuMs) / count;
    console.log(
      `${what}: ${Math.round(count / seconds)}/s, ${cpu.toFixed(3)} ms CPU of the server each, ${Math.round(after.rssBytes / 2 ** 20)} MB`,
    );
  };
  try {
    for (const [TableName, keys] of [
      ['outbox', ['pk', 'sk']],
      ['business', ['id']],
    ] as const) {
      await call(endpoint, 'CreateTable', {
        TableName,
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: keys.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
        ...(TableName === 'outbox'
          ? { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' } }
          : {}),
      });
    }
    for (let from = 0; from < ITEMS / 2; from += REPORT_EVERY) {
      const count = Math.min(REPORT_EVERY, ITEMS / 2 - from);
      await measured(`transactions, ${2 * from} items before`, count, (n) =>
        call(endpoint, 'TransactWriteItems', transaction(from + n)),
      );
    }
    await measured('calls of 25 marks', Math.min(4_000, Math.floor(ITEMS / 25)), (n) =>
      call(endpoint, 'BatchExecuteStatement', marks(25 * n)),
    );
    let page: Record<string, unknown> = {};
    await measured('pages of a scan', 200, async () => {
      page = await call(endpoint, 'Scan', {
        TableName: 'outbox',
        ExclusiveStartKey: page['LastEvaluatedKey'],
        ProjectionExpression: 'pk, sk, id, processedAt',
      });
    });
    await measured('queries of a key', 5_000, (n) =>
      call(endpoint, 'Query', {
        TableName: 'outbox',
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': S(`order#${n}`) },
      }),
    );
  } finally {
    agent.destroy();
    await server.stop();
  }
}

void main();
