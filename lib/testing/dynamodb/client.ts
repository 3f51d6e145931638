import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { isNotSimulated, type MemoryDynamoDb } from './memory-dynamodb';
import { ServiceError } from './service-error';

interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const TARGET = /^DynamoDB_\d+\.(\w+)$/;
const JSON_TYPE = { 'content-type': 'application/x-amz-json-1.0' };

/**
 * The SDK's own client, whose requests are answered in memory instead of by a server: what it refuses, marshals and
 * throws is what it does in production.
 *
 * An error that is no answer of DynamoDB (a request that is not simulated, a bug) is thrown as it is, without the
 * `$metadata` by which an outage is told from a bug.
 *
 * @param onRefusal - told of every request that is not simulated, whatever becomes of its error
 */
export function memoryClient(
  dynamodb: MemoryDynamoDb,
  region: string,
  onRefusal: (error: Error) => void,
): DynamoDBClient {
  const unanswered = new WeakSet<Error>();
  const answer = (request: HttpRequest): unknown => {
    const [, operation = ''] = TARGET.exec(request.headers['x-amz-target'] ?? '') ?? [];
    try {
      return responseOf(200, dynamodb.answer(operation, JSON.parse(textOf(request.body))));
    } catch (error) {
      if (error instanceof ServiceError) return errorOf(error);
      if (isNotSimulated(error)) onRefusal(error);
      if (error instanceof Error) unanswered.add(error);
      throw error;
    }
  };
  // What is thrown while it answers rejects it.
  const handle = (request: HttpRequest) => new Promise((resolve) => resolve(answer(request)));
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
        // The SDK notes its attempts on every error.
        if (error instanceof Error && unanswered.has(error)) Reflect.deleteProperty(error, '$metadata');
        throw error;
      }
    },
    { step: 'initialize', priority: 'high', name: 'unansweredAsThrown' },
  );
  return client;
}

const textOf = (body: unknown): string => (body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body));

const responseOf = (statusCode: number, body: object) => ({
  response: { statusCode, headers: JSON_TYPE, body: Buffer.from(JSON.stringify(body)) },
});

const errorOf = ({ type, message, more }: ServiceError) =>
  responseOf(400, { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, Message: message, ...more });
