import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { isNotSimulated, ServiceError } from './errors';
import type { MemoryDynamoDb } from './memory-dynamodb';

interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const TARGET = /^DynamoDB_\d+\.(\w+)$/;
const JSON_TYPE = { 'content-type': 'application/x-amz-json-1.0' };

/**
 * The SDK's own client, with requests answered in memory instead of by a server. It validates, marshals and throws as
 * in production.
 *
 * An error that DynamoDB would not return (an unsupported request, a bug) is thrown unchanged, without the `$metadata`
 * that distinguishes an outage from a bug.
 *
 * @param onRefusal - called for every unsupported request, even if the caller swallows its error
 */
export function memoryClient(
  dynamodb: MemoryDynamoDb,
  region: string,
  onRefusal: (error: Error) => void,
): DynamoDBClient {
  const unchanged = new WeakSet<Error>();
  const respond = (request: HttpRequest): unknown => {
    const [, operation = ''] = TARGET.exec(request.headers['x-amz-target'] ?? '') ?? [];
    try {
      return responseOf(200, dynamodb.respond(operation, JSON.parse(textOf(request.body))));
    } catch (error) {
      if (error instanceof ServiceError) return errorOf(error);
      if (isNotSimulated(error)) onRefusal(error);
      if (error instanceof Error) unchanged.add(error);
      throw error;
    }
  };
  // The promise turns a thrown error into a rejection.
  const handle = (request: HttpRequest) => new Promise((resolve) => resolve(respond(request)));
  const client = new DynamoDBClient({
    region,
    endpoint: 'http://dynamodb.in-memory.invalid',
    credentials: { accessKeyId: 'in-memory', secretAccessKey: 'in-memory' },
    requestHandler: { handle, metadata: { handlerProtocol: 'h1' } },
  });
  client.middlewareStack.add(
    (next) => async (request) => {
      try {
        return await next(request);
      } catch (error) {
        // The SDK adds `$metadata` with its attempts to every error.
        if (error instanceof Error && unchanged.has(error)) Reflect.deleteProperty(error, '$metadata');
        throw error;
      }
    },
    { step: 'initialize', priority: 'high', name: 'withoutMetadata' },
  );
  return client;
}

const textOf = (body: unknown): string => (body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body));

const responseOf = (statusCode: number, body: object) => ({
  response: { statusCode, headers: JSON_TYPE, body: Buffer.from(JSON.stringify(body)) },
});

const errorOf = ({ type, message, more }: ServiceError) =>
  responseOf(400, { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, Message: message, ...more });
