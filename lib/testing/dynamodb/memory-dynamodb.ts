import { isDeepStrictEqual } from 'node:util';
import { OutboxError } from '../../event/errors';
import { Attributes } from './attributes';
import { notSimulated } from './not-simulated';
import { projected, type Path } from './path';
import { found, query, readGet, readProjection, scan } from './reads';
import {
  checkCount,
  checkParameters,
  type GetRequest,
  type KeyRequest,
  type PagedRequest,
  type PutRequest,
  type QueryRequest,
  type ReadRequest,
  type UpdateRequest,
} from './request';
import { refuse, ServiceError } from './service-error';
import { Table, type KeySchema } from './table';
import { bytesOf, type Item } from './value';
import { evaluate, readConditionCheck, readDelete, readPut, readUpdateWrite, type Effect, type Write } from './writes';

/** Amazon DynamoDB developer guide, "Quotas". */
const MAX_ACTIONS = 100;
const MAX_TRANSACTION_BYTES = 4 * 1024 * 1024;
const MAX_BATCH_WRITES = 25;
const MAX_BATCH_READS = 100;
const MAX_BATCH_READ_BYTES = 16 * 1024 * 1024;
const MAX_TOKEN_LENGTH = 36;
const TABLE_NAME = /^[A-Za-z0-9_.-]{3,255}$/;
/** DynamoDB remembers a `ClientRequestToken` for this long: API reference of `TransactWriteItems`. */
const TOKEN_LIFE_MS = 600_000;

interface TransactionRequest {
  readonly TransactItems: readonly {
    readonly Put?: PutRequest;
    readonly Update?: UpdateRequest;
    readonly Delete?: KeyRequest;
    readonly ConditionCheck?: KeyRequest;
    readonly Get?: GetRequest;
  }[];
  readonly ClientRequestToken?: string;
}

/** An item that a write created. The table's stream shows it as an insert. */
export interface Insert {
  readonly table: string;
  readonly key: Item;
  readonly item: Item;
}

/**
 * DynamoDB in memory: tables, and the requests on their items. Each request takes effect at once and as a whole.
 *
 * Supported requests behave as on DynamoDB; every other request throws an `OutboxError` `not-simulated`.
 */
export class MemoryDynamoDb {
  onInsert: (insert: Insert) => void = () => undefined;
  readonly #tables: ReadonlyMap<string, Table>;
  readonly #now: () => number;
  readonly #tokens = new Map<string, { readonly request: unknown; readonly until: number }>();

  constructor(tables: Readonly<Record<string, KeySchema>>, now: () => number) {
    this.#tables = new Map(Object.entries(tables).map(([name, schema]) => [name, new Table(name, schema)]));
    this.#now = now;
  }

  /** Responds to a request of DynamoDB's API; throws a `ServiceError` where DynamoDB returns an error. */
  answer(operation: string, request: unknown): object {
    switch (operation) {
      case 'GetItem':
        return found(readGet(this.#table(request as GetRequest), request as GetRequest, 'GetItem'));
      case 'Query':
        return query(this.#table(request as QueryRequest), request as QueryRequest);
      case 'Scan':
        return scan(this.#table(request as PagedRequest), request as PagedRequest);
      case 'PutItem':
        return this.#write(readPut(this.#table(request as PutRequest), request as PutRequest, 'PutItem'), request);
      case 'UpdateItem':
        return this.#write(
          readUpdateWrite(this.#table(request as UpdateRequest), request as UpdateRequest, 'UpdateItem'),
          request,
        );
      case 'DeleteItem':
        return this.#write(
          readDelete(this.#table(request as KeyRequest), request as KeyRequest, 'DeleteItem'),
          request,
        );
      case 'TransactWriteItems':
        return this.#transactWrite(request as TransactionRequest);
      case 'TransactGetItems':
        return this.#transactGet(request as TransactionRequest);
      case 'BatchGetItem':
        return this.#batchGet(request as BatchGetRequest);
      case 'BatchWriteItem':
        return this.#batchWrite(request as BatchWriteRequest);
      default:
        return notSimulated(operation, 'Test what calls it against DynamoDB Local.');
    }
  }

  /** Copies of all items of a table. */
  items(name: string): Item[] {
    return structuredClone(this.#table({ TableName: name }).all());
  }

  #table({ TableName: nameOrArn }: { readonly TableName?: string }): Table {
    const name = nameOrArn?.replace(/^arn:.*:table\//, '');
    if (name === undefined)
      return refuse("Value null at 'tableName' failed to satisfy constraint: Member must not be null");
    const table = this.#tables.get(name);
    if (table !== undefined) return table;
    if (!TABLE_NAME.test(name)) {
      refuse(`Invalid table/index name "${name}": it has 3 to 255 of the characters a-z, A-Z, 0-9, '_', '-', and '.'`);
    }
    return notSimulated(
      `Table "${name}"`,
      `Name it with its key in "tables" of createTestOutbox; known are ${[...this.#tables.keys()].join(', ')}.`,
    );
  }

  #write(write: Write, request: unknown): object {
    const { ReturnValues: returns = 'NONE' } = request as { readonly ReturnValues?: string };
    if (write.paths === undefined && !['NONE', 'ALL_OLD'].includes(returns)) {
      refuse(`Return values set to invalid value: ${returns}`);
    }
    if (returns.startsWith('UPDATED') && write.paths?.some(({ length }) => length > 1) === true) {
      notSimulated(`ReturnValues ${returns} of a part of an attribute`, 'Ask for ALL_NEW or ALL_OLD.');
    }
    const effect = evaluate(write);
    this.#commit([effect]);
    const attributes = RETURNED[returns]?.(effect, write.paths ?? []);
    return attributes === undefined || Object.keys(attributes).length === 0 ? {} : { Attributes: attributes };
  }

  #commit(effects: readonly Effect[]): void {
    for (const { write, after } of effects) {
      if (after === undefined) write.table.delete(write.key);
      else write.table.put(after);
    }
    for (const { write, before, after } of effects) {
      if (before !== undefined || after === undefined) continue;
      this.onInsert({ table: write.table.name, key: write.key, item: structuredClone(after) });
    }
  }

  #transactWrite(request: TransactionRequest): object {
    checkParameters('TransactWriteItems', request);
    const { TransactItems: actions, ClientRequestToken: token } = request;
    checkCount('transactItems', actions.length, MAX_ACTIONS);
    if (token !== undefined) checkCount('clientRequestToken', token.length, MAX_TOKEN_LENGTH);
    const writes = actions.map((action) => this.#readAction(action));
    const bytes = writes.reduce((sum, write) => sum + write.bytes, 0);
    if (bytes > MAX_TRANSACTION_BYTES) refuse(`Transaction payload size cannot exceed 4MB. Payload Size: ${bytes}`);
    if (token !== undefined && this.#isRepeated(token, actions)) return {};
    checkDistinct(writes, DUPLICATE_ITEM);
    const effects: Effect[] = [];
    const reasons = writes.map((write) => {
      const effect = tried(() => evaluate(write));
      if ('Code' in effect) return effect;
      effects.push(effect);
      return { Code: 'None' };
    });
    if (effects.length < writes.length) throw cancellation(reasons);
    this.#commit(effects);
    if (token !== undefined) this.#tokens.set(token, { request: actions, until: this.#now() + TOKEN_LIFE_MS });
    return {};
  }

  #isRepeated(token: string, actions: unknown): boolean {
    const known = this.#tokens.get(token);
    if (known === undefined || known.until < this.#now()) return false;
    if (isDeepStrictEqual(known.request, actions)) return true;
    throw new ServiceError(
      'IdempotentParameterMismatchException',
      'Idempotent parameter mismatch: the token was used for another request',
    );
  }

  #readAction(action: TransactionRequest['TransactItems'][number]): Write {
    const { Put, Update, Delete, ConditionCheck } = action;
    if ([Put, Update, Delete, ConditionCheck].filter((each) => each !== undefined).length !== 1) {
      refuse('TransactItems can only contain one of Check, Put, Update or Delete');
    }
    if (Put !== undefined) return readPut(this.#table(Put), Put, 'Put');
    if (Update !== undefined) return readUpdateWrite(this.#table(Update), Update, 'Update');
    if (Delete !== undefined) return readDelete(this.#table(Delete), Delete, 'Delete');
    if (ConditionCheck !== undefined) return readConditionCheck(this.#table(ConditionCheck), ConditionCheck);
    return refuse('TransactItems can only contain one of Check, Put, Update or Delete');
  }

  #transactGet(request: TransactionRequest): object {
    checkParameters('TransactGetItems', request);
    checkCount('transactItems', request.TransactItems.length, MAX_ACTIONS);
    const reads = request.TransactItems.map(({ Get }) =>
      Get === undefined ? refuse('TransactItems must contain Get') : readGet(this.#table(Get), Get, 'Get'),
    );
    checkDistinct(reads, DUPLICATE_ITEM);
    const Responses = reads.map((read) => tried(() => found(read)));
    const reasons = Responses.map((response) => ('Code' in response ? response : { Code: 'None' }));
    if (Responses.some((response) => 'Code' in response)) throw cancellation(reasons);
    const bytes = reads.reduce((sum, { table, key }) => sum + bytesOf(table.get(key) ?? {}), 0);
    if (bytes > MAX_TRANSACTION_BYTES) refuse(`Payload in response is too large. ${bytes}`);
    return { Responses };
  }

  #batchGet(request: BatchGetRequest): object {
    checkParameters('BatchGetItem', request);
    const wanted = Object.entries(request.RequestItems).map(([name, keysAndAttributes]) => {
      checkParameters('KeysAndAttributes', keysAndAttributes);
      const { Keys } = keysAndAttributes;
      checkCount(`requestItems.${name}.member.keys`, Keys.length, MAX_BATCH_READS);
      const table = this.#table({ TableName: name });
      const attributes = new Attributes(keysAndAttributes, table.keyNames);
      const shape = readProjection(keysAndAttributes, attributes);
      attributes.refuseUnused();
      return { table, shape, keys: Keys.map((key) => table.key(key)) };
    });
    const all = wanted.flatMap(({ table, keys }) => keys.map((key) => ({ table, key })));
    checkCount('requestItems', all.length, MAX_BATCH_READS);
    checkDistinct(all, 'Provided list of item keys contains duplicates');
    const bytes = all.reduce((sum, { table, key }) => sum + bytesOf(table.get(key) ?? {}), 0);
    if (bytes > MAX_BATCH_READ_BYTES) {
      notSimulated('BatchGetItem of more than 16 MB', 'Test what reads so much against DynamoDB Local.');
    }
    const responses = wanted.map(({ table, shape, keys }) => {
      const items = keys.map((key) => table.get(key)).filter((item) => item !== undefined);
      return [table.name, items.map(shape)] as const;
    });
    return { Responses: Object.fromEntries(responses), UnprocessedKeys: {} };
  }

  #batchWrite(request: BatchWriteRequest): object {
    checkParameters('BatchWriteItem', request);
    const writes = Object.entries(request.RequestItems).flatMap(([name, requests]) => {
      checkCount(`requestItems.${name}`, requests.length, MAX_BATCH_WRITES);
      return requests.map((each) => this.#readBatchWrite(name, each));
    });
    checkCount('requestItems', writes.length, MAX_BATCH_WRITES);
    checkDistinct(writes, 'Provided list of item keys contains duplicates');
    this.#commit(writes.map(evaluate));
    return { UnprocessedItems: {} };
  }

  #readBatchWrite(
    TableName: string,
    { PutRequest, DeleteRequest }: BatchWriteRequest['RequestItems'][string][number],
  ): Write {
    const table = this.#table({ TableName });
    if (PutRequest !== undefined && DeleteRequest === undefined) {
      checkParameters('PutRequest', PutRequest);
      return readPut(table, { TableName, ...PutRequest }, 'Put');
    }
    if (DeleteRequest !== undefined && PutRequest === undefined) {
      checkParameters('DeleteRequest', DeleteRequest);
      return readDelete(table, { TableName, ...DeleteRequest }, 'Delete');
    }
    return refuse('A WriteRequest contains exactly one of PutRequest and DeleteRequest');
  }
}

const DUPLICATE_ITEM = 'Transaction request cannot include multiple operations on one item';

interface BatchGetRequest {
  readonly RequestItems: Readonly<Record<string, ReadRequest & { readonly Keys: readonly Item[] }>>;
}

interface BatchWriteRequest {
  readonly RequestItems: Readonly<
    Record<
      string,
      readonly { readonly PutRequest?: { readonly Item: Item }; readonly DeleteRequest?: { readonly Key: Item } }[]
    >
  >;
}

function checkDistinct(keys: readonly Pick<Write, 'table' | 'key'>[], message: string): void {
  const names = keys.map(({ table, key }) => `${table.name} ${table.nameOf(key)}`);
  if (new Set(names).size < names.length) refuse(message);
}

interface Reason {
  readonly Code: string;
  readonly Message?: string;
  readonly Item?: unknown;
}

/** The result, or the reason for which the transaction is cancelled. */
function tried<T>(action: () => T): T | Reason {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { type, message, more } = error;
    const Code = type === 'ConditionalCheckFailedException' ? 'ConditionalCheckFailed' : 'ValidationError';
    return { Code, Message: message, ...more };
  }
}

const cancellation = (reasons: readonly Reason[]): ServiceError =>
  new ServiceError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map(({ Code }) => Code).join(', ')}]`,
    { CancellationReasons: reasons },
  );

/** The attributes that a response returns, by `ReturnValues`. */
const RETURNED: Readonly<Record<string, (effect: Effect, paths: readonly Path[]) => Item | undefined>> = {
  NONE: () => undefined,
  ALL_OLD: ({ before }) => before,
  ALL_NEW: ({ after }) => after,
  UPDATED_OLD: ({ before = {} }, paths) => projected(before, paths),
  UPDATED_NEW: ({ after = {} }, paths) => projected(after, paths),
};

/** Whether an error reports an unsupported request. */
export const isNotSimulated = (error: unknown): error is OutboxError<'not-simulated'> =>
  error instanceof OutboxError && error.is('not-simulated');
