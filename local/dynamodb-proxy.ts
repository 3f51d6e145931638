import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request to DynamoDB. */
export interface DynamoDbRequest {
  /** Such as `PutItem`. */
  readonly operation: string;
  /** JSON. */
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * The proxy passes a request on, with another body if one is given, or responds with a server error, or gives no
 * response at all.
 */
export type Treatment =
  { readonly kind: 'pass'; readonly body?: string } | { readonly kind: 'fail' } | { readonly kind: 'silence' };

export interface DynamoDbProxyOptions {
  /** The real endpoint. */
  readonly target: string;
  /** Called with each request; it is treated as the result says, and waits until then. */
  readonly treat: (request: DynamoDbRequest) => Treatment | Promise<Treatment>;
  /** Called with each response of the real endpoint, after it is sent on. */
  readonly onResponse?: (request: DynamoDbRequest, response: string) => void;
}

export interface DynamoDbProxy {
  readonly endpoint: string;
  /** Ends it; requests without a response are cut off. */
  stop(): Promise<void>;
}

const FAILURE = '{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"made to fail"}';

/** Starts a proxy before DynamoDB Local, for faults and counts. */
export async function startDynamoDbProxy(options: DynamoDbProxyOptions): Promise<DynamoDbProxy> {
  const server = createServer((incoming, outgoing) => {
    pass(options, incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function pass(
  { target, treat, onResponse }: DynamoDbProxyOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method, headers, url = '/' } = incoming;
  const operation = String(headers['x-amz-target']).split('.').at(-1) ?? '';
  const received: DynamoDbRequest = { operation, body: await textOf(incoming), headers };
  const treatment = await treat(received);
  if (treatment.kind === 'silence') return;
  if (treatment.kind === 'fail') {
    outgoing.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' });
    outgoing.end(FAILURE);
    return;
  }
  const body = treatment.body ?? received.body;
  const forwarded = request(new URL(url, target), {
    method,
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
  });
  forwarded.end(body);
  const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
  const response = await textOf(answer);
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  outgoing.end(response);
  onResponse?.(received, response);
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
