import { TransactWriteItemsCommand, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { cancellationCodes, isTransientCode } from '../../dynamodb/refusals';
import { stateKey } from '../../event/control';
import { positionKey } from '../../event/position';
import { throttledMs } from '../../timing/backoff';
import type { Sleep } from '../../timing/wait';
import type { OutboxTable } from './pages';

/** The refusal of each action of a write, in order; `undefined` for an action that was not refused. */
export type Refusals = readonly (string | undefined)[];

interface Waiting {
  readonly actions: readonly TransactWriteItem[];
  readonly resolve: (refusals: Refusals | undefined) => void;
  readonly reject: (error: unknown) => void;
  /** Conflicts so far, on its own items and on the state item, which every write changes. */
  conflicts: number;
  hasOwnConflict: boolean;
}

const ATTEMPTS = 6;
/** A transaction may have 4 MB, and each write may touch one item of 400 KB. */
const WRITES_AT_ONCE = 8;

/**
 * Writes to the control partition, one transaction after the other. Each raises the revision of the state item, so two
 * concurrent ones would conflict. Writes that wait together share one transaction and one revision.
 */
export class ControlWriter {
  readonly #table: OutboxTable;
  readonly #sleep: Sleep;
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(table: OutboxTable, sleep: Sleep) {
    this.#table = table;
    this.#sleep = sleep;
  }

  /**
   * Writes all actions and the new revision in one transaction. Resolves when that is durable, or with the refusals if
   * an action was refused and nothing was written. Rejects when the outcome is unknown.
   */
  write(actions: readonly TransactWriteItem[]): Promise<Refusals | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ actions, resolve, reject, conflicts: 0, hasOwnConflict: false });
      if (!this.#writing) void this.#writeAll();
    });
  }

  /** Never rejects: each failure settles the writes that it concerns. */
  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup());
    this.#writing = false;
  }

  /**
   * DynamoDB refuses two actions on one item in a transaction, so the second waits for the next one. A write with a
   * conflict of its own goes alone, after the others, so that it does not cancel theirs again.
   */
  #takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const items = new Set<string>();
    for (const write of this.#waiting) {
      const keys = write.actions.map(keyOf);
      const isFree = !keys.some((key) => items.has(key));
      if (isFree && !write.hasOwnConflict && group.length < WRITES_AT_ONCE) group.push(write);
      // Also for writes that are left out: a later write to the same item must not overtake them.
      for (const key of keys) items.add(key);
    }
    if (group.length === 0) group.push(...this.#waiting.slice(0, 1));
    this.#waiting = this.#waiting.filter((write) => !group.includes(write));
    return group;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#table.client.send(
        new TransactWriteItemsCommand({
          TransactItems: [...group.flatMap(({ actions }) => actions), this.#raiseRevision()],
        }),
      );
      for (const { resolve } of group) resolve(undefined);
    } catch (error) {
      const codes = cancellationCodes(error);
      if (codes !== undefined) await this.#settleCancelled(group, error, codes);
      else for (const { reject } of group) reject(error);
    }
  }

  async #settleCancelled(group: readonly Waiting[], error: unknown, reasons: readonly string[]): Promise<void> {
    const codes = reasons.map((code) => (code === 'None' ? undefined : code));
    const again: Waiting[] = [];
    let at = 0;
    let refused = false;
    for (const write of group) {
      const own = codes.slice(at, (at += write.actions.length));
      if (own.some((code) => code !== undefined && !isTransientCode(code))) {
        refused = true;
        write.resolve(write.actions.map((_, index) => own[index]));
        continue;
      }
      again.push(write);
      if (!own.some(isTransientCode)) continue;
      write.conflicts++;
      write.hasOwnConflict = true;
    }
    // The state item belongs to all writes.
    if (isTransientCode(codes[at])) for (const write of again) write.conflicts++;
    const hasReason = refused || codes.some(isTransientCode);
    const left = again.filter(({ conflicts }) => hasReason && conflicts < ATTEMPTS);
    for (const write of again) if (!left.includes(write)) write.reject(error);
    this.#waiting.unshift(...left);
    const conflicts = Math.max(1, ...left.map((write) => write.conflicts));
    if (!refused && left.length > 0) await this.#sleep(throttledMs(conflicts));
  }

  #raiseRevision(): TransactWriteItem {
    return {
      Update: {
        TableName: this.#table.tableName,
        Key: marshall(stateKey(this.#table.home)),
        UpdateExpression: 'ADD revision :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      },
    };
  }
}

function keyOf({ Put, Update, Delete, ConditionCheck }: TransactWriteItem): string {
  const key = Put?.Item ?? (Update ?? Delete ?? ConditionCheck)?.Key;
  return positionKey(key?.['pk']?.S ?? '', key?.['sk']?.S ?? '');
}
