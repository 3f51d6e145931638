import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Capacity that requests have consumed on one table. */
export interface ConsumedUnits {
  readonly tableName: string;
  readonly units: number;
  readonly kind: 'read' | 'write';
}

/** How the proxy treats requests: it passes them on, passes them on later, or never responds. */
export type ProxyBehaviour =
  { readonly kind: 'pass' } | { readonly kind: 'slow'; readonly byMs: number } | { readonly kind: 'silent' };

export interface DynamoDbProxy {
  readonly endpoint: string;
  behaviour: ProxyBehaviour;
  stop(): Promise<void>;
}

const READS = new Set(['GetItem', 'BatchGetItem', 'TransactGetItems', 'Query', 'Scan']);
/** Of PartiQL, the relay uses statements only for its marks. */
const WRITES = new Set([
  'PutItem',
  'UpdateItem',
  'DeleteItem',
  'BatchWriteItem',
  'TransactWriteItems',
  'BatchExecuteStatement',
]);
const TO_COUNT = '"ReturnConsumedCapacity":"TOTAL",';
const CONSUMED = /"TableName":"([^"]+)","CapacityUnits":([\d.]+)|"CapacityUnits":([\d.]+),"TableName":"([^"]+)"/g;

/**
 * Starts a proxy before DynamoDB Local. It asks for the consumed capacity of each request, as CloudWatch's metrics of a
 * table report it, and can be slow or silent for a while. `onConsumed` is called for each table of a response.
 */
export async function startDynamoDbProxy(
  target: string,
  onConsumed: (consumed: ConsumedUnits) => void,
): Promise<DynamoDbProxy> {
  const server: Server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  const proxy: DynamoDbProxy = {
    endpoint: '',
    behaviour: { kind: 'pass' },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method, headers, url = '/' } = incoming;
    const operation = String(headers['x-amz-target']).split('.').at(-1) ?? '';
    const kind = READS.has(operation) ? 'read' : WRITES.has(operation) ? 'write' : undefined;
    const body = await textOf(incoming);
    if (proxy.behaviour.kind === 'silent') return;
    if (proxy.behaviour.kind === 'slow') await sleep(proxy.behaviour.byMs);
    const counted =
      kind !== undefined && !body.includes('"ReturnConsumedCapacity"') ? body.replace('{', `{${TO_COUNT}`) : body;
    const forwarded = request(new URL(url, target), {
      method,
      headers: { ...headers, 'content-length': Buffer.byteLength(counted) },
    });
    forwarded.on('error', (error) => outgoing.destroy(error));
    forwarded.end(counted);
    const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    const response = await textOf(answer);
    outgoing.end(response);
    if (kind === undefined) return;
    for (const [, tableName, units, unitsFirst, tableLast] of response.matchAll(CONSUMED)) {
      onConsumed({ tableName: tableName ?? tableLast ?? '', units: Number(units ?? unitsFirst), kind });
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
