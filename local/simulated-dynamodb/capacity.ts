import type { Change } from '../../lib/testing/dynamodb/memory-dynamodb';

const WRITE_UNIT_BYTES = 1024;
const READ_UNIT_BYTES = 4096;

export interface CapacityRequest {
  readonly ReturnConsumedCapacity?: 'INDEXES' | 'TOTAL' | 'NONE';
  readonly ConsistentRead?: boolean;
  readonly RequestItems?: Readonly<Record<string, { readonly ConsistentRead?: boolean }>>;
}

/** Their response has a list, because they may name several tables. */
const COMPOUND = ['Transact', 'Batch'];

/**
 * Counts the units that each request consumes: Amazon DynamoDB developer guide, "DynamoDB read and write operations".
 * A refused write counts nothing.
 */
export class Capacity {
  /** By table, since the start. */
  readonly writeUnits: Record<string, number> = {};
  readonly #units = new Map<string, number>();
  #operation = '';
  #request: CapacityRequest = {};

  /** Call this before each request. */
  begin(operation: string, request: CapacityRequest): void {
    this.#operation = operation;
    this.#request = request;
    this.#units.clear();
  }

  read(table: string, bytes: number): void {
    const { ConsistentRead, RequestItems } = this.#request;
    const isConsistent = ConsistentRead ?? RequestItems?.[table]?.ConsistentRead ?? false;
    const factor = this.#isTransaction ? 2 : isConsistent ? 1 : 0.5;
    this.#add(table, factor * Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)));
  }

  written(changes: readonly Change[]): void {
    for (const { table, before, after } of changes) {
      const bytes = Math.max(before?.bytes ?? 0, after?.bytes ?? 0);
      const units = (this.#isTransaction ? 2 : 1) * Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
      this.#add(table.name, units);
      this.writeUnits[table.name] = (this.writeUnits[table.name] ?? 0) + units;
    }
  }

  /** Adds the consumed units to the response, if the request asks for them. */
  addTo(answer: object | string): void {
    const { ReturnConsumedCapacity: wanted = 'NONE' } = this.#request;
    if (wanted === 'NONE' || typeof answer === 'string' || this.#units.size === 0) return;
    const consumed = [...this.#units].map(([TableName, CapacityUnits]) => ({
      ...{ TableName, CapacityUnits },
      ...(wanted === 'INDEXES' ? { Table: { CapacityUnits } } : {}),
    }));
    const isCompound = COMPOUND.some((prefix) => this.#operation.startsWith(prefix));
    Object.assign(answer, { ConsumedCapacity: isCompound ? consumed : consumed[0] });
  }

  get #isTransaction(): boolean {
    return this.#operation.startsWith('Transact');
  }

  #add(table: string, units: number): void {
    this.#units.set(table, (this.#units.get(table) ?? 0) + units);
  }
}
