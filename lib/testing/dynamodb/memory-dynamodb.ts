import { isDeepStrictEqual } from 'node:util';
import { OutboxError } from '../../event/errors';
import { Attributes } from './attributes';
import { notSimulated } from './not-simulated';
import { projected, type Path } from './path';
import { getItem, query, readProjection, scan } from './reads';
import {
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
import type { Item } from './value';
import { evaluate, readConditionCheck, readDelete, readPut, readUpdateWrite, type Effect, type Write } from './writes';

/** Amazon DynamoDB developer guide, "Quotas". */
const MAX_ACTIONS = 100;
const MAX_BATCH_WRITES = 25;
const MAX_BATCH_READS = 100;
/** For so long a `ClientRequestToken` is remembered: API reference of `TransactWriteItems`. */
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

/** An item that a write has created: what the table's stream shows as an insert. */
export interface Insert {
  readonly table: string;
  readonly key: Item;
  readonly item: Item;
}

/**
 * DynamoDB in memory: tables, and the requests on their items. Each request takes effect at once and as a whole.
 *
 * What it does it does as DynamoDB; what it does not, it refuses by an `OutboxError` `not-simulated`.
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

  /** Answers a request as DynamoDB's API takes it; throws what DynamoDB would answer as an error. */
  answer(operation: string, request: unknown): object {
    switch (operation) {
      case 'GetItem':
        return getItem(this.#table(request as GetRequest), request as GetRequest, 'GetItem');
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

  /** A copy of every item of a table. */
  items(name: string): Item[] {
    return structuredClone(this.#table({ TableName: name }).all());
  }

  #table({ TableName: nameOrArn = '' }: { readonly TableName?: string }): Table {
    const name = nameOrArn.replace(/^arn:.*:table\//, '');
    const table = this.#tables.get(name);
    if (table !== undefined) return table;
    return notSimulated(
      `Table "${name}"`,
      `Name it with its key in "tables" of createTestOutbox; known are ${[...this.#tables.keys()].join(', ')}.`,
    );
  }

  #write(write: Write, request: unknown): object {
    const { ReturnValues: returns = 'NONE' } = request as { readonly ReturnValues?: string };
    if (!(returns in RETURNED) || (write.paths === undefined && !['NONE', 'ALL_OLD'].includes(returns))) {
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
    if (token !== undefined && this.#isRepeated(token, actions)) return {};
    const writes = actions.map((action) => this.#readAction(action));
    checkDistinct(writes, 'Transaction request cannot include multiple operations on one item');
    const effects: Effect[] = [];
    const reasons = writes.map((write) => {
      try {
        effects.push(evaluate(write));
        return { Code: 'None' };
      } catch (error) {
        if (error instanceof ServiceError) return reasonOf(error);
        throw error;
      }
    });
    if (effects.length < writes.length) {
      const codes = reasons.map(({ Code }) => Code).join(', ');
      throw new ServiceError(
        'TransactionCanceledException',
        `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
        { CancellationReasons: reasons },
      );
    }
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

  #readAction({ Put, Update, Delete, ConditionCheck }: TransactionRequest['TransactItems'][number]): Write {
    if (Put !== undefined) return readPut(this.#table(Put), Put, 'Put');
    if (Update !== undefined) return readUpdateWrite(this.#table(Update), Update, 'Update');
    if (Delete !== undefined) return readDelete(this.#table(Delete), Delete, 'Delete');
    if (ConditionCheck !== undefined) return readConditionCheck(this.#table(ConditionCheck), ConditionCheck);
    return refuse('TransactItems can only contain one of Check, Put, Update or Delete');
  }

  #transactGet(request: TransactionRequest): object {
    checkParameters('TransactGetItems', request);
    checkCount('transactItems', request.TransactItems.length, MAX_ACTIONS);
    return {
      Responses: request.TransactItems.map(({ Get }) =>
        Get === undefined ? refuse('TransactItems must contain Get') : getItem(this.#table(Get), Get, 'Get'),
      ),
    };
  }

  #batchGet(request: BatchGetRequest): object {
    checkParameters('BatchGetItem', request);
    const wanted = Object.entries(request.RequestItems);
    checkCount(
      'requestItems',
      wanted.reduce((sum, [, { Keys }]) => sum + Keys.length, 0),
      MAX_BATCH_READS,
    );
    const responses = wanted.map(([name, keysAndAttributes]) => {
      checkParameters('KeysAndAttributes', keysAndAttributes);
      const table = this.#table({ TableName: name });
      const attributes = new Attributes(keysAndAttributes);
      const shape = readProjection(keysAndAttributes, attributes);
      attributes.refuseUnused();
      const keys = keysAndAttributes.Keys.map((key) => table.key(key));
      if (new Set(keys.map((key) => table.nameOf(key))).size < keys.length) {
        refuse('Provided list of item keys contains duplicates');
      }
      const items = keys.map((key) => table.get(key)).filter((item) => item !== undefined);
      return [name, items.map(shape)] as const;
    });
    return { Responses: Object.fromEntries(responses), UnprocessedKeys: {} };
  }

  #batchWrite(request: BatchWriteRequest): object {
    checkParameters('BatchWriteItem', request);
    const writes = Object.entries(request.RequestItems).flatMap(([name, requests]) => {
      const table = this.#table({ TableName: name });
      return requests.map(({ PutRequest, DeleteRequest }) =>
        PutRequest === undefined
          ? readDelete(table, DeleteRequest ?? refuse('Supplied WriteRequest is empty'), 'Delete')
          : readPut(table, PutRequest, 'Put'),
      );
    });
    checkCount('requestItems', writes.length, MAX_BATCH_WRITES);
    checkDistinct(writes, 'Provided list of item keys contains duplicates');
    this.#commit(writes.map(evaluate));
    return { UnprocessedItems: {} };
  }
}

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

function checkCount(parameter: string, count: number, max: number): void {
  if (count >= 1 && count <= max) return;
  refuse(
    `1 validation error detected: Value at '${parameter}' failed to satisfy constraint: Member must have length between 1 and ${max}; it has ${count}`,
  );
}

function checkDistinct(writes: readonly Write[], message: string): void {
  const names = writes.map(({ table, key }) => `${table.name} ${table.nameOf(key)}`);
  if (new Set(names).size < names.length) refuse(message);
}

function reasonOf({ type, message, more }: ServiceError): { Code: string; Message: string; Item?: unknown } {
  const Code = type === 'ConditionalCheckFailedException' ? 'ConditionalCheckFailed' : 'ValidationError';
  return { Code, Message: message, ...more };
}

/** What an answer shows of the item, by `ReturnValues`. */
const RETURNED: Readonly<Record<string, (effect: Effect, paths: readonly Path[]) => Item | undefined>> = {
  NONE: () => undefined,
  ALL_OLD: ({ before }) => before,
  ALL_NEW: ({ after }) => after,
  UPDATED_OLD: ({ before = {} }, paths) => projected(before, paths),
  UPDATED_NEW: ({ after = {} }, paths) => projected(after, paths),
};

/** Whether an error says that something is not simulated. */
export const isNotSimulated = (error: unknown): error is OutboxError<'not-simulated'> =>
  error instanceof OutboxError && error.is('not-simulated');
