import { hash } from 'node:crypto';
import { refuse, ServiceError } from '../../lib/testing/dynamodb/errors';
import { MemoryDynamoDb, type Change } from '../../lib/testing/dynamodb/memory-dynamodb';
import { scan } from '../../lib/testing/dynamodb/reads';
import { checkCount, checkParameters, type Request } from '../../lib/testing/dynamodb/request';
import type { Item } from '../../lib/testing/dynamodb/value';
import { evaluate, type Write } from '../../lib/testing/dynamodb/writes';
import { Random } from '../../lib/testing/random';
import { Capacity, type CapacityRequest } from './capacity';
import { Interleaver } from './interleaver';
import { itemNameOf, readStatement, tableNameOf, type StatementRequest } from './partiql';
import { PastStates } from './past-states';
import type { ControlCalls, ControlName, Deviations, ServerOptions } from './protocol';
import { StreamApi, type StreamRequest } from './stream-api';
import { TableApi, unknownTable, type TableRequest } from './table-api';
import type { Shown } from './table-stream';

/** An object, or JSON. */
export type Answer = object | string;

type AnyRequest = TableRequest & StreamRequest & ScanRequest & BatchExecuteStatementRequest & CapacityRequest;
type Operation = (request: AnyRequest) => Answer;

const MAX_STATEMENTS = 25;
/** How often records that are older than the retention are dropped. */
const TRIM_INTERVAL_MS = 1_000;

const READS = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan']);

/** Tables and streams in memory, with the operations of DynamoDB's API and of its Streams API. */
export class SimulatedDatabase {
  readonly #random: Random;
  readonly #items: MemoryDynamoDb;
  readonly #tables: TableApi;
  readonly #interleaver: Interleaver;
  readonly #past = new PastStates();
  readonly #capacity = new Capacity();
  readonly #requests: Record<string, number> = {};
  readonly #trimming: NodeJS.Timeout;
  #deviations: Deviations;
  /** The records of the running request that are not in their stream yet. */
  #unshown: Promise<void>[] = [];
  readonly #operations: Readonly<Record<string, Operation>>;
  readonly #controls: {
    readonly [N in ControlName]: (request: ControlCalls[N]['request']) => ControlCalls[N]['response'];
  };

  constructor(options: ServerOptions, now: () => number = Date.now) {
    const { interleaving, interleavingMs, staleMs, seed, region } = options;
    this.#deviations = { interleaving, interleavingMs, staleMs };
    this.#random = new Random(seed);
    this.#interleaver = new Interleaver(this.#random);
    this.#items = new MemoryDynamoDb({}, now, (name) => {
      throw unknownTable(name);
    });
    // Hundreds of thousands of transactions are remembered.
    this.#items.fingerprintOf = (actions) => hash('sha256', JSON.stringify(actions), 'base64');
    this.#items.onCommit = (changes) => this.#committed(changes);
    this.#tables = new TableApi(this.#items, options, now, (table, bytes) => this.#capacity.read(table, bytes));
    const tables = this.#tables;
    const streams = new StreamApi(tables.streams, region, now);
    this.#operations = {
      CreateTable: (request) => tables.create(request),
      UpdateTable: (request) => tables.update(request),
      DeleteTable: (request) => tables.delete(request),
      DescribeTable: (request) => tables.describe(request),
      ListTables: (request) => tables.list(request),
      DescribeTimeToLive: (request) => tables.describeTimeToLive(request),
      UpdateTimeToLive: (request) => tables.updateTimeToLive(request),
      Scan: (request) => this.#scan(request),
      BatchExecuteStatement: (request) => this.#executeStatements(request),
      ListStreams: (request) => streams.listStreams(request),
      DescribeStream: (request) => streams.describeStream(request),
      GetShardIterator: (request) => streams.getShardIterator(request),
      GetRecords: (request) => streams.getRecords(request),
    };
    this.#controls = {
      SplitShard: ({ table, shardId, children }) => this.#splitShard(table, children, shardId),
      ListShards: ({ table }) => ({ shards: tables.table(table).stream?.states() ?? [] }),
      Trim: ({ table, olderThanMs }) => ({ dropped: this.#trim(table, olderThanMs) }),
      Expire: ({ table }) => ({ deleted: this.#expire(table, now()) }),
      Deviate: (changes) => this.#deviate(changes),
      Statistics: () => this.#statistics(),
    };
    this.#trimming = setInterval(() => {
      for (const { stream } of tables.streams.values()) stream.trim(now() - options.retentionMs);
    }, TRIM_INTERVAL_MS);
    this.#trimming.unref();
  }

  /** @throws ServiceError for an error that DynamoDB returns; any other error for a request that is not simulated */
  respond(operation: string, given: object): Answer | Promise<Answer> {
    this.#requests[operation] = (this.#requests[operation] ?? 0) + 1;
    this.#unshown = [];
    // Each operation checks the parameters that it reads.
    const request = given as AnyRequest;
    const respond = this.#operations[operation] ?? (() => this.#items.respond(operation, request));
    this.#capacity.begin(operation, request);
    const { staleMs } = this.#deviations;
    const isStale = staleMs > 0 && READS.has(operation) && !isConsistent(request);
    const answer = isStale
      ? this.#past.at(performance.now() - this.#random.next() * staleMs, () => respond(request))
      : respond(request);
    this.#capacity.addTo(answer);
    return this.#unshown.length === 0 ? answer : Promise.all(this.#unshown).then(() => answer);
  }

  control<N extends ControlName>(name: N, request: ControlCalls[N]['request']): ControlCalls[N]['response'] {
    return this.#controls[name](request);
  }

  /** Ends its timer. */
  stop(): void {
    clearInterval(this.#trimming);
    this.#interleaver.flush();
  }

  #committed(changes: readonly Change[]): void {
    this.#capacity.written(changes);
    const { staleMs } = this.#deviations;
    if (staleMs > 0) this.#past.remember(changes, performance.now(), staleMs);
    for (const change of changes) this.#show(change);
  }

  #show(change: Shown): void {
    const stream = this.#tables.streamOf(change);
    if (stream?.isEnabled !== true) return;
    const { interleaving, interleavingMs } = this.#deviations;
    // Records that wait from before are shown first.
    if (interleaving === 'off' && this.#interleaver.isEmpty) {
      stream.show(change);
      return;
    }
    const shown = this.#interleaver.add(stream, change, interleaving === 'off' ? 0 : interleavingMs);
    if (interleaving === 'within-call') this.#unshown.push(shown);
  }

  #scan({ Segment: index, TotalSegments: of, ...request }: ScanRequest): object {
    checkParameters('Scan', request);
    const segment = index === undefined || of === undefined ? undefined : { index, of };
    return scan(this.#items.table(request), request, { segment, mayStartBehindGone: true });
  }

  /** Each statement takes effect by itself, with an error of its own. */
  #executeStatements({ Statements: statements }: BatchExecuteStatementRequest): object {
    checkCount('statements', statements.length, MAX_STATEMENTS);
    const writes = statements.map((statement) => ifAccepted(() => this.#readStatement(statement)));
    const items = writes.flatMap((write) => (write instanceof ServiceError ? [] : [itemNameOf(write)]));
    if (new Set(items).size < items.length) refuse('Provided list of item keys contains duplicates');
    const Responses = writes.map((write) => {
      if (write instanceof ServiceError) return { Error: statementError(write) };
      const { name: TableName } = write.table;
      const refused = ifAccepted(() => this.#items.commit([evaluate(write)]));
      return refused instanceof ServiceError ? { Error: statementError(refused), TableName } : { TableName };
    });
    return { Responses };
  }

  #readStatement(statement: StatementRequest): Write {
    return readStatement(this.#items.table({ TableName: tableNameOf(statement) }), statement);
  }

  #splitShard(name: string, children: 1 | 2, shardId?: string): ControlCalls['SplitShard']['response'] {
    const split = this.#tables.table(name).stream?.split(children, shardId);
    if (split === undefined) {
      throw new ServiceError('ResourceNotFoundException', `Table ${name} has no open shard ${shardId ?? ''}`.trim());
    }
    return split;
  }

  #trim(name: string, olderThanMs: number): number {
    const { stream } = this.#tables.table(name);
    // Shown first: a record that waits would be older than the dropped ones.
    this.#interleaver.flush();
    return stream?.trim(Date.now() - olderThanMs + 1) ?? 0;
  }

  #expire(name: string, nowMs: number): number {
    const { timeToLive } = this.#tables.table(name);
    if (timeToLive?.Enabled !== true) return 0;
    const table = this.#items.table({ TableName: name });
    const isExpired = (item: Item): boolean => {
      const seconds = item[timeToLive.AttributeName]?.N;
      return seconds !== undefined && Number(seconds) * 1000 < nowMs;
    };
    const expired = [...table.all()].flatMap(({ item }) => (isExpired(item) ? [table.keyIn(item)] : []));
    for (const key of expired) {
      const before = table.stored(key);
      table.store(key, undefined);
      this.#show({ table, key, before, after: undefined, isExpiry: true });
    }
    return expired.length;
  }

  #deviate(changes: Partial<Deviations>): Deviations {
    this.#deviations = { ...this.#deviations, ...changes };
    if (this.#deviations.staleMs === 0) this.#past.remember([], performance.now(), 0);
    return this.#deviations;
  }

  #statistics(): ControlCalls['Statistics']['response'] {
    const { user, system } = process.cpuUsage();
    return {
      requests: this.#requests,
      writeUnits: this.#capacity.writeUnits,
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

interface ScanRequest extends Request {
  readonly Segment?: number;
  readonly TotalSegments?: number;
}

interface BatchExecuteStatementRequest {
  readonly Statements: readonly StatementRequest[];
}

/** The result of `work`, or the error that DynamoDB returns for it. */
function ifAccepted<T>(work: () => T): T | ServiceError {
  try {
    return work();
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

const statementError = ({ type, message }: ServiceError) => ({
  Code: STATEMENT_CODES[type] ?? type,
  Message: message,
});

const STATEMENT_CODES: Readonly<Record<string, string>> = {
  ConditionalCheckFailedException: 'ConditionalCheckFailed',
  ValidationException: 'ValidationError',
  ResourceNotFoundException: 'ResourceNotFound',
};

/** Of a batch, the server treats all tables alike. */
function isConsistent(request: object): boolean {
  const { ConsistentRead, RequestItems } = request as {
    readonly ConsistentRead?: boolean;
    readonly RequestItems?: object;
  };
  if (RequestItems === undefined) return ConsistentRead === true;
  return Object.values(RequestItems).every(
    (ofTable) => (ofTable as { ConsistentRead?: boolean }).ConsistentRead === true,
  );
}
