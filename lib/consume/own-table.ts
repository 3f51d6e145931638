import { OutboxError } from '../event/errors';
import type { ConsumerClient } from './client';
import type { InboxStore, Transactions } from './ports';
import { TableUnavailable } from './outage-errors';
import { serviceFailureOf } from './service-error';
import { withinTime } from '../timing/within-time';

/** A client with a time limit on every call. */
export interface LimitedClient extends ConsumerClient {
  /** Aborts every call that is in flight. The calls reject as after a timeout. */
  abandon(): void;
}

/**
 * The client with a time limit on every call. A call that exceeds it is aborted and rejects with `service-unavailable`;
 * a write may have happened.
 */
export function timeLimited(client: ConsumerClient, ms: number): LimitedClient {
  let inFlight = new AbortController();
  const limited = <T>(action: string, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> => {
    const onTimeout = (): OutboxError => noAnswer(action, ms);
    return withinTime(call, { ms, onTimeout, signal: inFlight.signal, onAbort: onTimeout, unref: true });
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

const noAnswer = (action: string, ms: number): OutboxError =>
  new OutboxError(
    'service-unavailable',
    `DynamoDB did not answer within ${ms} ms (callTimeoutMs). Check the network between the consumer and DynamoDB: routes, VPC endpoint, security groups.`,
    { service: 'DynamoDB', place: 'callTimeoutMs', action, why: `no answer within ${ms} ms` },
  );

/** The inbox with errors that name the table: a failed read concerns every key. */
export function ownInbox(inbox: InboxStore, tableName: string): InboxStore {
  const read = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw asUnavailable(error, `Cannot read the consumer's table "${tableName}"`) ?? error;
    }
  };
  return {
    read: (key) => read(() => inbox.read(key)),
    isMarked: (key, id) => read(() => inbox.isMarked(key, id)),
    nextParked: (key) => read(() => inbox.nextParked(key)),
    parkedKeys: () => inbox.parkedKeys(),
  };
}

/** Writes of the consumer's own records only: a failure concerns every key. */
export const ownWrites = (transactions: Transactions, tableName: string): Transactions => ({
  async write(entries) {
    try {
      return await transactions.write(entries);
    } catch (error) {
      throw asUnavailable(error, `Cannot write to the consumer's table "${tableName}"`) ?? error;
    }
  },
});

/** `undefined` for an error that does not come from a service, such as a bug. */
export function asUnavailable(error: unknown, what: string): TableUnavailable | undefined {
  if (error instanceof TableUnavailable) return error;
  if (serviceFailureOf(error) === undefined) return undefined;
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new TableUnavailable(`${what}: ${why}`, { cause: error });
}
