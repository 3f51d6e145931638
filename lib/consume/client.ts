import type { CallOptions, TransactionClient } from '../dynamodb/transaction';
import { OutboxError } from '../event/errors';
import { ConcurrencyLimit } from './concurrency-limit';
import { serviceFailureOf } from './service-error';

/** An item or a key as `@aws-sdk/lib-dynamodb` knows it: names and plain values. */
export type TableItem = Record<string, unknown>;

/** The part of `DynamoDBDocument` that a consumer calls, declared here so that the SDK's types are not needed. */
export interface ConsumerClient extends TransactionClient {
  /** Reads one item. */
  get(
    input: { TableName: string; Key: TableItem; ConsistentRead: boolean },
    options?: CallOptions,
  ): Promise<{ Item?: TableItem | undefined }>;
  /** Reads one page of a partition. */
  query(
    input: {
      TableName: string;
      KeyConditionExpression: string;
      ExpressionAttributeValues: TableItem;
      ConsistentRead: boolean;
      Limit: number;
      ExclusiveStartKey?: TableItem;
    },
    options?: CallOptions,
  ): Promise<{ Items?: TableItem[] | undefined; LastEvaluatedKey?: TableItem | undefined }>;
}

export interface LimitedClient extends ConsumerClient {
  /** Aborts every call that is in flight. The calls reject as after a timeout. */
  abandon(): void;
}

/**
 * Limits the time of each call, and how many are in flight. A late call rejects with `service-unavailable`; a write may
 * have happened.
 */
export function timeLimited(client: ConsumerClient, ms: number): LimitedClient {
  let inFlight = new AbortController();
  const concurrency = new ConcurrencyLimit(isOverload);
  const limited = <T>(action: string, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> => {
    const onTimeout = (): OutboxError => noResponse(action, ms);
    return concurrency.run(call, { ms, onTimeout, signal: inFlight.signal, onAbort: onTimeout, unref: true });
  };
  return {
    get: (input) => limited(`read from ${input.TableName}`, (abortSignal) => client.get(input, { abortSignal })),
    query: (input) => limited(`query ${input.TableName}`, (abortSignal) => client.query(input, { abortSignal })),
    transactWrite: (input) =>
      limited('write a transaction', (abortSignal) => client.transactWrite(input, { abortSignal })),
    abandon() {
      inFlight.abort();
      inFlight = new AbortController();
    },
  };
}

/** Not a throttled call: DynamoDB answers it at once, and it concerns one partition of the table. */
const isOverload = (error: unknown): boolean => serviceFailureOf(error) === 'unavailable';

const noResponse = (action: string, ms: number): OutboxError =>
  new OutboxError(
    'service-unavailable',
    `DynamoDB did not respond within ${ms} ms (callTimeoutMs). Check the network between the consumer and DynamoDB: routes, VPC endpoint, security groups.`,
    { service: 'DynamoDB', place: 'callTimeoutMs', action, why: `no response within ${ms} ms` },
  );
