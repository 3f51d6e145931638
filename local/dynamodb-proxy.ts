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

/** How the proxy treats a request. */
export type Treatment =
  /** Passes it on, with another body or another response if they are given. */
  | { readonly kind: 'pass'; readonly body?: string; readonly answer?: (response: string) => string }
  /** Responds with a server error. */
  | { readonly kind: 'fail' }
  /** Responds with an error of DynamoDB's API and status 400; `more` are further fields of it. */
  | { readonly kind: 'refuse'; readonly error: string; readonly more?: object }
  /** Passes it on, so that it takes effect; then it ends the connection without a response. */
  | { readonly kind: 'lose'; readonly meanwhile?: () => Promise<void> }
  /** Gives no response at all. */
  | { readonly kind: 'silence' };

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

const JSON_TYPE = { 'content-type': 'application/x-amz-json-1.0' };

const failure = (error: string, more: object = {}): string =>
  JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${error}`, message: 'made to fail', ...more });

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
    outgoing.writeHead(500, JSON_TYPE);
    outgoing.end(failure('InternalServerError'));
    return;
  }
  if (treatment.kind === 'refuse') {
    outgoing.writeHead(400, JSON_TYPE);
    outgoing.end(failure(treatment.error, treatment.more));
    return;
  }
  const body = (treatment.kind === 'pass' ? treatment.body : undefined) ?? received.body;
  const forwarded = request(new URL(url, target), {
    method,
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
  });
  forwarded.end(body);
  const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
  const response = await textOf(answer);
  if (treatment.kind === 'lose') {
    await treatment.meanwhile?.();
    outgoing.destroy();
    return;
  }
  const changed = answer.statusCode === 200 ? treatment.answer?.(response) : undefined;
  const { 'content-length': _, 'x-amz-crc32': __, ...rest } = answer.headers;
  outgoing.writeHead(answer.statusCode ?? 502, changed === undefined ? answer.headers : rest);
  outgoing.end(changed ?? response);
  onResponse?.(received, response);
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
