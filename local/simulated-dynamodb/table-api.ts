import { randomUUID } from 'node:crypto';
import { refuse, ServiceError } from '../../lib/testing/dynamodb/errors';
import type { Change, MemoryDynamoDb } from '../../lib/testing/dynamodb/memory-dynamodb';
import type { KeySchema } from '../../lib/testing/dynamodb/table';
import type { ServerOptions, ViewType } from './protocol';
import type { StreamOwner } from './stream-api';
import { evenRanges, streamLabel, TableStream } from './table-stream';

interface KeyElement {
  readonly AttributeName: string;
  readonly KeyType: 'HASH' | 'RANGE';
}

interface StreamSpecification {
  readonly StreamEnabled?: boolean;
  readonly StreamViewType?: ViewType;
}

interface TimeToLive {
  readonly Enabled: boolean;
  readonly AttributeName: string;
}

export interface TableRequest {
  readonly TableName?: string;
  readonly AttributeDefinitions?: readonly {
    readonly AttributeName: string;
    readonly AttributeType: 'S' | 'N' | 'B';
  }[];
  readonly KeySchema?: readonly KeyElement[];
  readonly LocalSecondaryIndexes?: readonly { readonly IndexName: string }[];
  readonly GlobalSecondaryIndexes?: unknown;
  readonly BillingMode?: string;
  readonly DeletionProtectionEnabled?: boolean;
  readonly StreamSpecification?: StreamSpecification;
  readonly TimeToLiveSpecification?: TimeToLive;
  readonly ExclusiveStartTableName?: string;
  readonly Limit?: number;
}

/** A table as it was created, and what later requests changed. */
export interface SimulatedTable {
  readonly name: string;
  readonly arn: string;
  readonly id: string;
  readonly createdAtMs: number;
  readonly input: TableRequest;
  billingMode: string;
  isProtected: boolean;
  timeToLive: TimeToLive | undefined;
  /** The latest stream, which may be switched off. */
  stream: TableStream | undefined;
}

const MAX_LISTED = 100;

/** The operations on tables. Each takes effect at once. */
export class TableApi {
  /** Of all tables, by ARN. A stream that is switched off and one of a deleted table can still be read. */
  readonly streams = new Map<string, StreamOwner>();
  readonly #tables = new Map<string, SimulatedTable>();
  readonly #items: MemoryDynamoDb;
  readonly #options: Pick<ServerOptions, 'shards' | 'region'>;
  readonly #now: () => number;

  readonly #onRead: (table: string, bytes: number) => void;

  /** @param onRead - called for each read of items */
  constructor(
    items: MemoryDynamoDb,
    options: Pick<ServerOptions, 'shards' | 'region'>,
    now: () => number,
    onRead: (table: string, bytes: number) => void,
  ) {
    this.#onRead = onRead;
    this.#items = items;
    this.#options = options;
    this.#now = now;
  }

  /** @throws ServiceError `ResourceNotFoundException` */
  table(nameOrArn = ''): SimulatedTable {
    const name = nameOrArn.replace(/^arn:.*:table\//, '');
    const table = this.#tables.get(name);
    if (table === undefined) throw unknownTable(name);
    return table;
  }

  /** The stream that shows the change; `undefined` if the table has none. */
  streamOf({ table: { name } }: Pick<Change, 'table'>): TableStream | undefined {
    return this.#tables.get(name)?.stream;
  }

  create(request: TableRequest): object {
    const { TableName: name = '', KeySchema: keys = [], AttributeDefinitions: attributes = [] } = request;
    if (!/^[A-Za-z0-9_.-]{3,255}$/.test(name)) refuse(`Invalid table name: ${name}`);
    if (request.GlobalSecondaryIndexes !== undefined) refuse('Global secondary indexes are not simulated');
    if (this.#tables.has(name)) throw new ServiceError('ResourceInUseException', `Table already exists: ${name}`);
    const schema: Record<string, 'S' | 'N' | 'B'> = {};
    for (const role of ['HASH', 'RANGE']) {
      const attribute = keys.find(({ KeyType }) => KeyType === role)?.AttributeName;
      if (attribute === undefined && role === 'HASH') return refuse('No Hash Key specified in schema.');
      if (attribute === undefined) continue;
      const type = attributes.find(({ AttributeName }) => AttributeName === attribute)?.AttributeType;
      schema[attribute] = type ?? refuse(`Hash Key/Range Key not specified in Attribute Definitions: ${attribute}`);
    }
    this.#items.createTable(name, schema satisfies KeySchema).onRead = (bytes) => this.#onRead(name, bytes);
    const table: SimulatedTable = {
      name,
      arn: `arn:aws:dynamodb:${this.#options.region}:000000000000:table/${name}`,
      id: randomUUID(),
      createdAtMs: this.#now(),
      input: request,
      billingMode: request.BillingMode ?? 'PROVISIONED',
      isProtected: request.DeletionProtectionEnabled ?? false,
      timeToLive: undefined,
      stream: undefined,
    };
    this.#tables.set(name, table);
    if (request.StreamSpecification?.StreamEnabled === true) this.#startStream(table, request.StreamSpecification);
    return { TableDescription: describe(table) };
  }

  update(request: TableRequest): object {
    const table = this.table(request.TableName);
    table.billingMode = request.BillingMode ?? table.billingMode;
    table.isProtected = request.DeletionProtectionEnabled ?? table.isProtected;
    const { StreamSpecification: specification } = request;
    if (specification?.StreamEnabled === true) {
      if (table.stream?.isEnabled === true) {
        throw new ServiceError('ValidationException', `Table already has an enabled stream: TableName: ${table.name}`);
      }
      this.#startStream(table, specification);
    } else if (specification !== undefined) {
      const { stream } = table;
      if (stream?.isEnabled !== true) return refuse(`Table has no stream to disable: TableName: ${table.name}`);
      stream.disable();
    }
    return { TableDescription: describe(table) };
  }

  delete({ TableName: name }: TableRequest): object {
    const table = this.table(name);
    if (table.isProtected) refuse(`Resource cannot be deleted as it is currently protected against deletion`);
    table.stream?.disable();
    this.#tables.delete(table.name);
    this.#items.deleteTable(table.name);
    return { TableDescription: { ...describe(table), TableStatus: 'DELETING' } };
  }

  describe({ TableName: name }: TableRequest): object {
    return { Table: describe(this.table(name)) };
  }

  list({ ExclusiveStartTableName: after = '', Limit = MAX_LISTED }: TableRequest): object {
    const names = [...this.#tables.keys()].toSorted().filter((name) => name > after);
    const page = names.slice(0, Limit);
    return { TableNames: page, ...(page.length < names.length ? { LastEvaluatedTableName: page.at(-1) } : {}) };
  }

  describeTimeToLive({ TableName: name }: TableRequest): object {
    const { timeToLive } = this.table(name);
    return {
      TimeToLiveDescription:
        timeToLive?.Enabled === true
          ? { TimeToLiveStatus: 'ENABLED', AttributeName: timeToLive.AttributeName }
          : { TimeToLiveStatus: 'DISABLED' },
    };
  }

  updateTimeToLive({ TableName: name, TimeToLiveSpecification: specification }: TableRequest): object {
    const table = this.table(name);
    if (specification === undefined) return refuse('TimeToLiveSpecification must not be null');
    if (specification.Enabled === (table.timeToLive?.Enabled === true)) {
      refuse(`TimeToLive is already ${specification.Enabled ? 'enabled' : 'disabled'}`);
    }
    table.timeToLive = specification;
    return { TimeToLiveSpecification: specification };
  }

  #startStream(table: SimulatedTable, { StreamViewType: viewType }: StreamSpecification): void {
    if (viewType === undefined) return refuse('StreamViewType must be given');
    const ranges = table.stream?.lastRanges ?? evenRanges(this.#options.shards);
    let createdAtMs = this.#now();
    while (this.streams.has(`${table.arn}/stream/${streamLabel(createdAtMs)}`)) createdAtMs++;
    const stream = new TableStream({ tableArn: table.arn, viewType, ranges, createdAtMs, now: this.#now });
    table.stream = stream;
    this.streams.set(stream.arn, { stream, tableName: table.name, keySchema: table.input.KeySchema });
  }
}

export const unknownTable = (name: string): ServiceError =>
  new ServiceError(
    'ResourceNotFoundException',
    name === '' ? 'TableName must be given' : 'Cannot do operations on a non-existent table',
  );

const NO_THROUGHPUT = { ReadCapacityUnits: 0, WriteCapacityUnits: 0, NumberOfDecreasesToday: 0 };

function describe({ name, arn, id, createdAtMs, input, billingMode, isProtected, stream }: SimulatedTable): object {
  return {
    TableName: name,
    TableArn: arn,
    TableId: id,
    TableStatus: 'ACTIVE',
    CreationDateTime: createdAtMs / 1000,
    KeySchema: input.KeySchema,
    AttributeDefinitions: input.AttributeDefinitions,
    ItemCount: 0,
    TableSizeBytes: 0,
    ProvisionedThroughput: NO_THROUGHPUT,
    DeletionProtectionEnabled: isProtected,
    ...(billingMode === 'PAY_PER_REQUEST' ? { BillingModeSummary: { BillingMode: billingMode } } : {}),
    ...(input.LocalSecondaryIndexes === undefined
      ? {}
      : {
          LocalSecondaryIndexes: input.LocalSecondaryIndexes.map((index) => ({
            ...index,
            IndexArn: `${arn}/index/${index.IndexName}`,
            IndexSizeBytes: 0,
            ItemCount: 0,
          })),
        }),
    ...(stream === undefined ? {} : { LatestStreamArn: stream.arn, LatestStreamLabel: stream.label }),
    ...(stream?.isEnabled === true
      ? { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.viewType } }
      : {}),
  };
}
