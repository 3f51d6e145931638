import { itemBytes } from '../event/item-size';
import { DYNAMODB_LIMITS } from '../event/transaction-size';
import type { TransactionAction } from '../event/transaction';
import type { Transactions, WriteResult } from './ports';
import { writtenItems } from './written-items';

interface Waiting {
  readonly entries: readonly TransactionAction[];
  readonly bytes: number;
  readonly alone: boolean;
  /** Two units with one of these in common go one after the other. */
  readonly items: readonly string[];
  readonly result: PromiseWithResolvers<WriteResult>;
}

export interface GroupCommitOptions {
  /** How many units share a transaction, at most. */
  readonly units: number;
  /** How many transactions are under way at the same time. */
  readonly concurrency: number;
  /** Whether a rejection concerns everybody, so that nobody is tried alone after it. */
  readonly isOutage: (error: unknown) => boolean;
}

/**
 * Puts what is ready at the same time into one transaction, as databases do with their logs: nobody waits for company.
 * When a shared transaction is not written, each unit gets its own, so that none suffers for another.
 */
export class GroupCommit implements Transactions {
  readonly #transactions: Transactions;
  readonly #options: GroupCommitOptions;
  readonly #waiting: Waiting[] = [];
  /** Of the transactions that are under way: another one on such an item would be cancelled. */
  readonly #busy = new Set<string>();
  #running = 0;

  constructor(transactions: Transactions, options: GroupCommitOptions) {
    this.#transactions = transactions;
    this.#options = options;
  }

  /** As {@link Transactions.write}; the reasons of a cancellation are those of these entries alone. */
  write(entries: readonly TransactionAction[], { alone = false } = {}): Promise<WriteResult> {
    const result = Promise.withResolvers<WriteResult>();
    this.#waiting.push({ entries, bytes: bytesOf(entries), items: writtenItems(entries), alone, result });
    // After whatever else has become ready in this turn.
    queueMicrotask(() => this.#pump());
    return result.promise;
  }

  #pump(): void {
    while (this.#running < this.#options.concurrency) {
      const group = this.#nextGroup();
      if (group.length === 0) return;
      const items = group.flatMap((unit) => unit.items);
      items.forEach((item) => this.#busy.add(item));
      this.#running++;
      void this.#send(group).finally(() => {
        this.#running--;
        items.forEach((item) => this.#busy.delete(item));
        this.#pump();
      });
    }
  }

  #nextGroup(): Waiting[] {
    const { transactionActions, transactionBytes } = DYNAMODB_LIMITS;
    const group: Waiting[] = [];
    const passedOver: Waiting[] = [];
    const items = new Set<string>();
    let actions = 0;
    let bytes = 0;
    let seen = 0;
    for (const unit of this.#waiting) {
      // DynamoDB would refuse or cancel the transaction; two outbox items of one key in it would have no order.
      const isBusy = unit.items.some((item) => items.has(item) || this.#busy.has(item));
      if (isBusy || (unit.alone && group.length > 0)) {
        passedOver.push(unit);
        seen++;
        continue;
      }
      actions += unit.entries.length;
      bytes += unit.bytes;
      const fits = actions <= transactionActions && bytes <= transactionBytes && group.length < this.#options.units;
      if (group.length > 0 && !fits) break;
      group.push(unit);
      seen++;
      unit.items.forEach((item) => items.add(item));
      if (unit.alone) break;
    }
    this.#waiting.splice(0, seen, ...passedOver);
    return group;
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    if (group.length > 1) {
      try {
        const { kind } = await this.#transactions.write(group.flatMap(({ entries }) => entries));
        if (kind === 'written') {
          group.forEach(({ result }) => result.resolve({ kind }));
          return;
        }
      } catch (error) {
        // Such as a value that the client cannot marshal: one unit's, and the others are not to fail with it.
        if (this.#options.isOutage(error)) {
          group.forEach(({ result }) => result.reject(error));
          return;
        }
      }
    }
    await Promise.all(
      group.map(({ entries, result }) => this.#transactions.write(entries).then(result.resolve, result.reject)),
    );
  }
}

const bytesOf = (entries: readonly TransactionAction[]): number =>
  entries.reduce((sum, { Put, Update, Delete, ConditionCheck }) => {
    const keyed = Update ?? Delete ?? ConditionCheck;
    return sum + itemBytes(Put?.Item ?? keyed?.Key ?? {}) + itemBytes(Update?.ExpressionAttributeValues ?? {});
  }, 0);
