import { actionBytes, DYNAMODB_LIMITS, type TransactionAction } from '../dynamodb/transaction';
import type { Transactions, WriteResult } from './ports';
import { writtenItems } from './written-items';

interface Waiting {
  readonly entries: readonly TransactionAction[];
  readonly bytes: number;
  readonly alone: boolean;
  /** Units that share an item are written one after the other. */
  readonly items: readonly string[];
  readonly result: PromiseWithResolvers<WriteResult>;
}

export interface GroupCommitOptions {
  /** The most units that share a transaction. */
  readonly units: number;
  /** The most transactions in flight at the same time. */
  readonly concurrency: number;
  /** Whether an error concerns all units, so that none is retried alone. */
  readonly isOutage: (error: unknown) => boolean;
}

/**
 * Writes units that are ready at the same time in one transaction, as databases do with their logs. No unit waits for
 * others. If a shared transaction is not written, each unit gets its own, so that no unit fails because of another.
 */
export class GroupCommit implements Transactions {
  readonly #transactions: Transactions;
  readonly #options: GroupCommitOptions;
  readonly #waiting: Waiting[] = [];
  /** Items of transactions in flight: DynamoDB would cancel another transaction on one of them. */
  readonly #busy = new Set<string>();
  #running = 0;

  constructor(transactions: Transactions, options: GroupCommitOptions) {
    this.#transactions = transactions;
    this.#options = options;
  }

  /** Like {@link Transactions.write}; the reasons of a cancellation are those of these entries alone. */
  write(entries: readonly TransactionAction[], { alone = false } = {}): Promise<WriteResult> {
    const result = Promise.withResolvers<WriteResult>();
    const bytes = entries.reduce((sum, entry) => sum + actionBytes(entry), 0);
    this.#waiting.push({ entries, bytes, items: writtenItems(entries), alone, result });
    // After all units that become ready in this turn.
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
    for (const unit of this.#waiting) {
      // DynamoDB would refuse or cancel the transaction; two outbox items of one key in it would have no order.
      const isBusy = unit.items.some((item) => items.has(item) || this.#busy.has(item));
      if (isBusy || (unit.alone && group.length > 0)) {
        passedOver.push(unit);
        continue;
      }
      actions += unit.entries.length;
      bytes += unit.bytes;
      const fits = actions <= transactionActions && bytes <= transactionBytes && group.length < this.#options.units;
      if (group.length > 0 && !fits) break;
      group.push(unit);
      unit.items.forEach((item) => items.add(item));
      if (unit.alone) break;
    }
    this.#waiting.splice(0, group.length + passedOver.length, ...passedOver);
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
        // One unit may cause it, such as by a value that the client cannot marshal; the others must not fail too.
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
