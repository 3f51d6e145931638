import { isDeepStrictEqual } from 'node:util';
import { notSimulated, refuse, ServiceError } from './errors';
import { projected, type Path } from './path';
import { found, query, readGet, scan, type Read } from './reads';
import { checkCount, checkParameters, type Request, type RequestKind } from './request';
import { parseItem, Table, type KeySchema, type StoredItem } from './table';
import type { Item } from './value';
import { evaluate, itemBefore, readWrite, WRITE_ACTIONS, type Effect, type Write, type WriteAction } from './writes';

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

/** The parameters of transactions and batches. */
interface CompoundRequest {
  readonly TransactItems: readonly Partial<Record<WriteAction | 'Get', Request>>[];
  readonly ClientRequestToken?: string;
  readonly RequestItems: Readonly<Record<string, unknown>>;
}

/** An item that a write created. The table's stream shows it as an insert. */
export interface Insert {
  readonly table: string;
  readonly key: Item;
  readonly item: Item;
}

/** A change of an item; `undefined` stands for no item. */
export interface Change {
  readonly table: Table;
  readonly key: Item;
  readonly before: StoredItem | undefined;
  readonly after: StoredItem | undefined;
}

/** Throws the error for a table that does not exist. */
type UnknownTable = (name: string, known: readonly string[]) => never;

const refuseUnnamed: UnknownTable = (name, known) =>
  notSimulated(
    `Table "${name}"`,
    `Name it with its key in "tables" of createTestOutbox; known are ${known.join(', ')}.`,
  );

/**
 * DynamoDB in memory: tables, and the requests on their items. Each request takes effect at once and as a whole.
 *
 * Supported requests behave as on DynamoDB; every other request throws an `OutboxError` `not-simulated`.
 */
export class MemoryDynamoDb {
  onInsert: (insert: Insert) => void = () => undefined;
  /** Called with all changes of a request, once they are committed. */
  onCommit: (changes: readonly Change[]) => void = () => undefined;
  /** The part of a transaction that is kept with its token, to be compared. */
  fingerprintOf: (actions: unknown) => unknown = (actions) => actions;
  readonly #tables: Map<string, Table>;
  readonly #now: () => number;
  readonly #unknownTable: UnknownTable;
  readonly #tokens = new Map<string, { readonly request: unknown; readonly until: number }>();
  readonly #operations: Readonly<Partial<Record<RequestKind, (request: Request & CompoundRequest) => object>>> = {
    GetItem: (request) => found(this.#readGet(request)),
    Query: (request) => query(this.table(request), request),
    Scan: (request) => scan(this.table(request), request),
    PutItem: (request) => this.#write('Put', request),
    UpdateItem: (request) => this.#write('Update', request),
    DeleteItem: (request) => this.#write('Delete', request),
    TransactWriteItems: (request) => this.#transactWrite(request),
    TransactGetItems: (request) => this.#transactGet(request),
    BatchGetItem: (request) => this.#batchGet(request),
    BatchWriteItem: (request) => this.#batchWrite(request),
  };

  constructor(tables: Readonly<Record<string, KeySchema>>, now: () => number, unknownTable = refuseUnnamed) {
    this.#tables = new Map(Object.entries(tables).map(([name, schema]) => [name, new Table(name, schema)]));
    this.#now = now;
    this.#unknownTable = unknownTable;
  }

  createTable(name: string, schema: KeySchema): Table {
    const table = new Table(name, schema);
    this.#tables.set(name, table);
    return table;
  }

  deleteTable(name: string): void {
    this.#tables.delete(name);
  }

  /** Responds to a request of DynamoDB's API; throws a `ServiceError` where DynamoDB returns an error. */
  respond(operation: string, request: unknown): object {
    const kind = operation as RequestKind;
    const operate = this.#operations[kind];
    if (operate === undefined) return notSimulated(operation, 'Test what calls it against DynamoDB Local.');
    checkParameters(kind, request as object);
    return operate(request as Request & CompoundRequest);
  }

  items(name: string): Item[] {
    return [...this.table({ TableName: name }).all()].map(({ item }) => item);
  }

  /** The table that a request names, by its name or ARN. */
  table({ TableName: nameOrArn = '' }: Request): Table {
    const name = nameOrArn.replace(/^arn:.*:table\//, '');
    const table = this.#tables.get(name);
    if (table !== undefined) return table;
    if (!TABLE_NAME.test(name)) {
      refuse(`Invalid table/index name "${name}": it has 3 to 255 of the characters a-z, A-Z, 0-9, '_', '-', and '.'`);
    }
    return this.#unknownTable(name, [...this.#tables.keys()]);
  }

  #readGet(request: Request): Read {
    return readGet(this.table(request), request);
  }

  #readWrite(action: WriteAction, request: Request): Write {
    return readWrite(action, this.table(request), request);
  }

  #write(action: WriteAction, request: Request): object {
    const write = this.#readWrite(action, request);
    const { ReturnValues: returns = 'NONE' } = request;
    if (action !== 'Update' && !['NONE', 'ALL_OLD'].includes(returns)) {
      refuse(`Return values set to invalid value: ${returns}`);
    }
    if (returns.startsWith('UPDATED') && write.paths.some(({ length }) => length > 1)) {
      notSimulated(`ReturnValues ${returns} of a part of an attribute`, 'Ask for ALL_NEW or ALL_OLD.');
    }
    const effect = evaluate(write);
    this.commit([effect]);
    const attributes = RETURNED[returns]?.(effect, write.paths);
    return attributes === undefined || Object.keys(attributes).length === 0 ? {} : { Attributes: attributes };
  }

  /** Stores the effects of a request. */
  commit(effects: readonly Effect[]): void {
    const changes = effects.map(({ write: { action, table, key }, before, after: item, bytes }): Change => {
      if (action === 'ConditionCheck') return { table, key, before, after: before };
      const after = item === undefined ? undefined : { text: JSON.stringify(item), bytes };
      table.store(key, after);
      return { table, key, before, after };
    });
    for (const { table, key, before, after } of changes) {
      if (before !== undefined || after === undefined) continue;
      this.onInsert({ table: table.name, key, item: parseItem(after.text) });
    }
    this.onCommit(changes);
  }

  #transactWrite({ TransactItems: actions, ClientRequestToken: token }: CompoundRequest): object {
    checkCount('transactItems', actions.length, MAX_ACTIONS);
    if (token !== undefined) checkCount('clientRequestToken', token.length, MAX_TOKEN_LENGTH);
    const writes = actions.map((each) => this.#readWrite(...memberOf(each, WRITE_ACTIONS)));
    const bytes = writes.reduce((sum, write) => sum + write.bytes, 0);
    if (bytes > MAX_TRANSACTION_BYTES) refuse(`Transaction payload size cannot exceed 4MB. Payload Size: ${bytes}`);
    if (token !== undefined && this.#isRepeated(token, actions)) return {};
    checkDistinct(writes, DUPLICATE_ITEM);
    this.commit(allOrNone(writes, evaluate));
    if (token !== undefined) this.#remember(token, actions);
    return {};
  }

  #isRepeated(token: string, actions: unknown): boolean {
    const known = this.#tokens.get(token);
    if (known === undefined || known.until < this.#now()) return false;
    if (isDeepStrictEqual(known.request, this.fingerprintOf(actions))) return true;
    throw new ServiceError(
      'IdempotentParameterMismatchException',
      'Idempotent parameter mismatch: the token was used for another request',
    );
  }

  /** The oldest token comes first in the map. */
  #remember(token: string, actions: unknown): void {
    const now = this.#now();
    for (const [old, { until }] of this.#tokens) {
      if (until >= now) break;
      this.#tokens.delete(old);
    }
    this.#tokens.delete(token);
    this.#tokens.set(token, { request: this.fingerprintOf(actions), until: now + TOKEN_LIFE_MS });
  }

  #transactGet({ TransactItems: actions }: CompoundRequest): object {
    checkCount('transactItems', actions.length, MAX_ACTIONS);
    const reads = actions.map((each) => {
      const [, request] = memberOf(each, ['Get']);
      return this.#readGet(request);
    });
    checkDistinct(reads, DUPLICATE_ITEM);
    const Responses = allOrNone(reads, found);
    const bytes = readBytes(reads);
    if (bytes > MAX_TRANSACTION_BYTES) refuse(`Payload in response is too large. ${bytes}`);
    return { Responses };
  }

  #batchGet({ RequestItems }: CompoundRequest): object {
    const reads = Object.entries(RequestItems).flatMap(([TableName, ofTable]) => {
      const { Keys, ...request } = ofTable as Request & { readonly Keys: readonly Item[] };
      checkParameters('KeysAndAttributes', ofTable as object);
      checkCount(`requestItems.${TableName}.member.keys`, Keys.length, MAX_BATCH_READS);
      return Keys.map((Key) => this.#readGet({ ...request, TableName, Key }));
    });
    checkCount('requestItems', reads.length, MAX_BATCH_READS);
    checkDistinct(reads, DUPLICATE_KEY);
    if (readBytes(reads) > MAX_BATCH_READ_BYTES) {
      notSimulated('BatchGetItem of more than 16 MB', 'Test what reads so much against DynamoDB Local.');
    }
    const byTable = Map.groupBy(reads, ({ table }) => table.name);
    const Responses = [...byTable].map(([name, ofTable]) => [name, ofTable.flatMap((read) => found(read).Item ?? [])]);
    return { Responses: Object.fromEntries(Responses) as object, UnprocessedKeys: {} };
  }

  #batchWrite({ RequestItems }: CompoundRequest): object {
    const writes = Object.entries(RequestItems).flatMap(([TableName, ofTable]) => {
      const requests = ofTable as readonly Partial<Record<keyof typeof BATCH_ACTIONS, Request>>[];
      checkCount(`requestItems.${TableName}`, requests.length, MAX_BATCH_WRITES);
      return requests.map((each) => {
        const [kind, request] = memberOf(each, ['PutRequest', 'DeleteRequest']);
        return this.#readWrite(BATCH_ACTIONS[kind], { TableName, ...request });
      });
    });
    checkCount('requestItems', writes.length, MAX_BATCH_WRITES);
    checkDistinct(writes, DUPLICATE_KEY);
    this.commit(writes.map(evaluate));
    return { UnprocessedItems: {} };
  }
}

const BATCH_ACTIONS = { PutRequest: 'Put', DeleteRequest: 'Delete' } as const;
const DUPLICATE_ITEM = 'Transaction request cannot include multiple operations on one item';
const DUPLICATE_KEY = 'Provided list of item keys contains duplicates';

/** The one member that a part of a transaction or of a batch must have, with its parameters checked. */
function memberOf<K extends RequestKind>(part: Partial<Record<K, Request>>, kinds: readonly K[]): [K, Request] {
  const members = kinds.flatMap((kind) => (part[kind] === undefined ? [] : [[kind, part[kind]] as [K, Request]]));
  const [member] = members;
  if (member === undefined || members.length > 1) {
    return refuse(`A member of the request must contain exactly one of ${kinds.join(', ')}`);
  }
  checkParameters(...member);
  return member;
}

function checkDistinct(keys: readonly Pick<Write, 'table' | 'key'>[], message: string): void {
  const names = keys.map(({ table, key }) => `${table.name} ${table.nameOf(key)}`);
  if (new Set(names).size < names.length) refuse(message);
}

const readBytes = (reads: readonly Read[]): number =>
  reads.reduce((sum, { table, key }) => sum + (table.stored(key)?.bytes ?? 0), 0);

/** The results of all actions of a transaction. If one fails, the transaction is cancelled with a reason for each. */
function allOrNone<A, R>(actions: readonly A[], run: (action: A) => R): R[] {
  const results: R[] = [];
  const reasons = actions.map((action) => {
    try {
      results.push(run(action));
      return { Code: 'None' };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const { type, message, more } = error;
      const Code = type === 'ConditionalCheckFailedException' ? 'ConditionalCheckFailed' : 'ValidationError';
      return { Code, Message: message, ...more };
    }
  });
  if (results.length === actions.length) return results;
  const codes = reasons.map(({ Code }) => Code).join(', ');
  throw new ServiceError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    { CancellationReasons: reasons },
  );
}

const RETURNED: Readonly<Record<string, (effect: Effect, paths: readonly Path[]) => Item | undefined>> = {
  NONE: () => undefined,
  ALL_OLD: (effect) => itemBefore(effect),
  ALL_NEW: ({ after }) => after,
  UPDATED_OLD: (effect, paths) => projected(itemBefore(effect) ?? {}, paths),
  UPDATED_NEW: ({ after = {} }, paths) => projected(after, paths),
};
