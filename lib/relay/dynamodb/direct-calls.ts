import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { addAbortSignal, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/**
 * The output of an operation that may run twice, from a direct call or else from `byClient`. Rejects as `byClient` does,
 * or when the signal is aborted.
 *
 * @param operation - such as `BatchGetItem`
 * @param input - in DynamoDB's own JSON, without binary values
 */
export type DirectCalls = <Output extends object>(
  operation: string,
  input: object,
  byClient: () => Promise<Output>,
  abortSignal?: AbortSignal,
) => Promise<Output>;

/** Leaves every call to the client. */
export const BY_CLIENT: DirectCalls = (_operation, _input, byClient) => byClient();

/**
 * Time limit of a direct call. Shorter than that of the client's attempts, so that both together take no longer than
 * `DYNAMODB_TIMING.slowestCallMs`.
 */
const TIME_LIMIT_MS = 1_500;
/** After a direct call without success, the client makes the calls for this long, with its pauses. */
const PAUSE_MS = 5_000;

/**
 * Calls by a client's connections, credentials, endpoint and corrected clock, but without its middleware, which takes
 * most of the CPU of a small call. Each makes one attempt; after anything but success the client makes the same call,
 * with its attempts, pauses and errors. The endpoint and the region of the signature are those of the client's own
 * requests: until the first of these, the client makes all calls.
 */
export function directCalls(client: DynamoDBClient): DirectCalls {
  let endpoint: Endpoint | undefined;
  let pausedUntil = -Infinity;
  client.middlewareStack.add(
    (next) => (args) => {
      endpoint = endpointOf(args.request as SignedRequest) ?? endpoint;
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'learnEndpoint', override: true },
  );
  const signer = new Signer();
  return async <Output extends object>(
    operation: string,
    input: object,
    byClient: () => Promise<Output>,
    abortSignal?: AbortSignal,
  ): Promise<Output> => {
    if (endpoint === undefined || performance.now() < pausedUntil) return byClient();
    try {
      return (await call(client, signer, endpoint, { operation, body: JSON.stringify(input) }, abortSignal)) as Output;
    } catch (cause) {
      if (abortSignal?.aborted === true) throw cause;
      pausedUntil = performance.now() + PAUSE_MS;
    }
    return byClient();
  };
}

interface Endpoint {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  /** The region in the scope of the signature. */
  readonly region: string;
}

interface SignedRequest extends Omit<Endpoint, 'region'> {
  readonly headers: Readonly<Record<string, string>>;
}

function endpointOf({ protocol, hostname, port, path, headers }: SignedRequest): Endpoint | undefined {
  const [, region] = /Credential=[^/]+\/\d+\/([^/]+)\/dynamodb\//.exec(headers['authorization'] ?? '') ?? [];
  return region === undefined ? undefined : { protocol, hostname, port, path, region };
}

interface Call {
  readonly operation: string;
  readonly body: string;
}

interface Response {
  readonly statusCode: number;
  readonly body: Readable;
}

class DirectCallRefused extends Error {
  override readonly name = 'DirectCallRefused';
}

async function call(
  { config: { credentials, requestHandler, systemClockOffset } }: DynamoDBClient,
  signer: Signer,
  { protocol, hostname, port, path, region }: Endpoint,
  { operation, body }: Call,
  abortSignal: AbortSignal | undefined,
): Promise<object> {
  const headers = signer.sign(await credentials(), region, new Date(Date.now() + systemClockOffset), {
    ...{ host: port === undefined ? hostname : `${hostname}:${port}`, path, body },
    target: `${API}.${operation}`,
  });
  const request = { ...{ protocol, hostname, port, path, headers, body }, method: 'POST', query: {} };
  const timeLimit = new AbortController();
  const timer = setTimeout(() => timeLimit.abort(), TIME_LIMIT_MS);
  const signal = abortSignal === undefined ? timeLimit.signal : AbortSignal.any([timeLimit.signal, abortSignal]);
  try {
    const handled: { readonly response: Response } = await requestHandler.handle(request as never, {
      abortSignal: signal,
    });
    const { statusCode, body: stream } = handled.response;
    const answer = await text(addAbortSignal(signal, stream));
    const output: unknown = statusCode === 200 ? JSON.parse(answer) : undefined;
    if (typeof output === 'object' && output !== null) return output;
    throw new DirectCallRefused(`DynamoDB answered ${statusCode}: ${answer}`);
  } finally {
    clearTimeout(timer);
  }
}

const SERVICE = 'dynamodb';
const API = 'DynamoDB_20120810';
const CONTENT_TYPE = 'application/x-amz-json-1.0';
const SIGNED = ['content-type', 'host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target'] as const;

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface Signable {
  readonly host: string;
  readonly path: string;
  readonly target: string;
  readonly body: string;
}

/** Signs by AWS Signature Version 4, and keeps the key of the day. */
class Signer {
  #keyOf = '';
  #key: KeyObject | undefined;

  /** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
  sign(credentials: Credentials, region: string, at: Date, { host, path, target, body }: Signable) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const time = at.toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = time.slice(0, 8);
    const scope = `${day}/${region}/${SERVICE}/aws4_request`;
    const headers: Record<string, string> = {
      'content-type': CONTENT_TYPE,
      host,
      'x-amz-date': time,
      ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
      'x-amz-target': target,
    };
    const signed = sessionToken === undefined ? WITHOUT_TOKEN : WITH_TOKEN;
    const listed = signed.map((name) => `${name}:${headers[name] ?? ''}\n`).join('');
    const canonical = `POST\n${path}\n\n${listed}\n${signed.join(';')}\n${hash('sha256', body)}`;
    const key = this.#keyFor(secretAccessKey, day, region, scope);
    const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', canonical)}`).toString('hex');
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed.join(';')}, Signature=${signature}`;
    headers['content-length'] = String(Buffer.byteLength(body));
    return headers;
  }

  /** Made once a day: of bytes instead of a key object, the signature would take seven times as long. */
  #keyFor(secret: string, day: string, region: string, scope: string): KeyObject {
    const keyOf = `${scope}\n${secret}`;
    if (this.#key === undefined || keyOf !== this.#keyOf) {
      const parts = [day, region, SERVICE, 'aws4_request'];
      this.#key = parts.reduce<KeyObject>(
        (key, part) => createSecretKey(hmac(key, part)),
        createSecretKey(Buffer.from(`AWS4${secret}`)),
      );
      this.#keyOf = keyOf;
    }
    return this.#key;
  }
}

const WITH_TOKEN = SIGNED;
const WITHOUT_TOKEN = SIGNED.filter((name) => name !== 'x-amz-security-token');

const hmac = (key: KeyObject, text: string): Buffer => createHmac('sha256', key).update(text).digest();
