import {
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type DynamoDBClient,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { STATE_KEY } from '../../event/control';
import { backoffMs, type Sleep } from '../backoff';

/** Of the actions of one write, in their order, why each was refused: `undefined` for one that was not. */
export type Refusals = readonly (string | undefined)[];

interface Waiting {
  readonly actions: readonly TransactWriteItem[];
  readonly resolve: (refusals: Refusals | undefined) => void;
  readonly reject: (error: unknown) => void;
  conflicts: number;
}

const ATTEMPTS = 6;
/** A transaction takes 4 MB, and each write may touch one item of 400 KB. */
const WRITES_AT_ONCE = 8;

const TRANSIENT: ReadonlySet<string> = new Set([
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
]);

/**
 * Writes to the control partition, one transaction after the other: each raises the revision of the state item, so two
 * at once would be each other's conflict. Writes that wait together go out together, with one revision for all.
 */
export class ControlWriter {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #sleep: Sleep;
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(client: DynamoDBClient, tableName: string, sleep: Sleep) {
    this.#client = client;
    this.#tableName = tableName;
    this.#sleep = sleep;
  }

  /**
   * Writes the actions as a whole, and the revision with them. Resolves when that is durable, or with the refusals when
   * one of the actions was refused and nothing was written. Rejects when the outcome is unknown.
   */
  write(actions: readonly TransactWriteItem[]): Promise<Refusals | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ actions, resolve, reject, conflicts: 0 });
      if (!this.#writing) void this.#writeAll();
    });
  }

  /** Never rejects: every failure is the answer of the writes that it concerns. */
  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup());
    this.#writing = false;
  }

  /** DynamoDB refuses two actions on one item in a transaction, so the second waits for the next. */
  #takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    const items = new Set<string>();
    for (const write of this.#waiting) {
      const keys = write.actions.map(keyOf);
      if (group.length === WRITES_AT_ONCE || keys.some((key) => items.has(key))) left.push(write);
      else group.push(write);
      // Also those left: what comes later for the same item must not overtake them.
      for (const key of keys) items.add(key);
    }
    this.#waiting = left;
    return group;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#client.send(
        new TransactWriteItemsCommand({
          TransactItems: [...group.flatMap(({ actions }) => actions), this.#raiseRevision()],
        }),
      );
      for (const { resolve } of group) resolve(undefined);
    } catch (error) {
      if (error instanceof TransactionCanceledException) await this.#answerCancelled(group, error);
      else for (const { reject } of group) reject(error);
    }
  }

  async #answerCancelled(group: readonly Waiting[], error: TransactionCanceledException): Promise<void> {
    const codes = (error.CancellationReasons ?? []).map(({ Code }) => (Code === 'None' ? undefined : Code));
    const again: Waiting[] = [];
    let at = 0;
    let refused = false;
    for (const write of group) {
      const own = codes.slice(at, (at += write.actions.length));
      if (own.some((code) => code !== undefined && !TRANSIENT.has(code))) {
        refused = true;
        write.resolve(write.actions.map((_, index) => own[index]));
      } else again.push(write);
    }
    this.#waiting.unshift(...again);
    if (refused) return;
    const transient = codes.some((code) => code !== undefined && TRANSIENT.has(code));
    const conflicts = Math.max(...again.map((write) => ++write.conflicts));
    if (transient && conflicts < ATTEMPTS) return this.#sleep(backoffMs(conflicts));
    this.#waiting = this.#waiting.filter((write) => !again.includes(write));
    for (const { reject } of again) reject(error);
  }

  #raiseRevision(): TransactWriteItem {
    return {
      Update: {
        TableName: this.#tableName,
        Key: marshall(STATE_KEY),
        UpdateExpression: 'ADD revision :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      },
    };
  }
}

function keyOf({ Put, Update, Delete, ConditionCheck }: TransactWriteItem): string {
  const key = Put?.Item ?? (Update ?? Delete ?? ConditionCheck)?.Key;
  return `${key?.['pk']?.S ?? ''}\n${key?.['sk']?.S ?? ''}`;
}
