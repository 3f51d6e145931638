import { Agent, request as send } from 'node:http';
import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeItem } from '../../lib/event/item';
import type { Commit } from '../children/load-writer';
import { orderItem } from '../events';
import type { LoadEvent } from './load';
import type { WriterTarget } from './writer';

const SOCKETS = 64;
const TIMEOUT_MS = 30_000;
/** Local servers check no signature; they take the table's owner and region from this header. */
const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0';

/** The outbox item of an event, in DynamoDB's JSON. */
export const itemOf = ({ topic, key, version, id, data }: LoadEvent): Record<string, unknown> =>
  marshall(encodeItem(orderItem({ topic, key, version, id, data, committedAt: Date.now() })), {
    removeUndefinedValues: true,
  });

/** A client without the SDK: at thousands of transactions a second, the SDK itself would be most of the load. */
export class DynamoDbCalls {
  readonly #endpoint: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** @throws Error for every answer but 200. */
  call(operation: string, input: unknown): Promise<unknown> {
    const body = JSON.stringify(input);
    return new Promise((resolve, reject) => {
      const outgoing = send(
        this.#endpoint,
        {
          method: 'POST',
          agent: this.#agent,
          timeout: TIMEOUT_MS,
          headers: {
            authorization: AUTHORIZATION,
            'content-type': 'application/x-amz-json-1.0',
            'content-length': Buffer.byteLength(body),
            'x-amz-target': `DynamoDB_20120810.${operation}`,
            'x-amz-date': '20260101T000000Z',
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString();
            if (response.statusCode === 200) resolve(JSON.parse(text));
            else reject(new Error(`${operation}: ${response.statusCode ?? 0} ${text.slice(0, 500)}`));
          });
        },
      );
      outgoing.once('timeout', () => outgoing.destroy(new Error(`${operation} took longer than ${TIMEOUT_MS} ms.`)));
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }
}

/** Commits the event and the row of the order in one transaction. A throttled transaction is tried again. */
export function openDynamoDbTarget({ endpoint, tableName }: Extract<WriterTarget, { kind: 'dynamodb' }>): Commit {
  const calls = new DynamoDbCalls(endpoint);
  return async (event) => {
    await calls.call('TransactWriteItems', {
      TransactItems: [
        { Put: { TableName: tableName, Item: itemOf(event) } },
        {
          Put: {
            TableName: ORDERS_TABLE,
            Item: { pk: { S: event.key }, version: { N: String(event.version) } },
          },
        },
      ],
    });
  };
}

/** The table of the business rows. */
export const ORDERS_TABLE = 'bench-orders';
