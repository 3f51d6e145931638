import type { Receipt } from '../event/receipt';
import type { BatchItem, ItemContent } from './batch-item';
import type { Invocation } from './invocation';
import type { Mark } from './ports';

const MARKS_PER_REQUEST = 25;
/** Mark requests of earlier rounds that may be in flight when a round begins. */
const MAX_IN_FLIGHT = 4;

interface MarkTask {
  readonly item: BatchItem;
  readonly mark: Mark;
}

/**
 * Writes the marks of acknowledged items next to the rounds. Collects them over rounds, so that a key whose events
 * alternate between partitions does not cause one request per event. A crash before they are sent costs fewer
 * duplicates than one request has marks. If a mark fails, its record is delivered again and is then only marked.
 */
export class MarkQueue {
  readonly #invocation: Invocation;
  #unsent: MarkTask[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  /** Items whose first events have receipts that the table does not know. */
  readonly #partlyPublished = new Set<BatchItem>();

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  add(items: readonly (readonly [BatchItem, ItemContent, readonly Receipt[]])[]): void {
    this.#unsent.push(...items.map(([item, content, receipts]) => ({ item, mark: markOf(content, receipts) })));
    // If the process dies on an item that it died on before, the marks of other items must not be lost with it.
    const kept = this.#invocation.mayHaveCrashed ? 0 : this.#unsent.length % MARKS_PER_REQUEST;
    this.#send(this.#unsent.splice(0, this.#unsent.length - kept));
  }

  /** Resolves with whether it had to wait. Without a limit, a slow table piles up items that a crash would repeat. */
  async waitForRoom(): Promise<boolean> {
    const isFull = this.#inFlight.size > MAX_IN_FLIGHT;
    while (this.#inFlight.size > MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
    return isFull;
  }

  /** Resolves when each mark so far is written, or its item has failed. */
  async flush(): Promise<void> {
    this.#send(this.#unsent.splice(0));
    await Promise.all(this.#inFlight);
  }

  /** The first events of this item have new receipts; `notePartlyPublished` records them unless the rest follows. */
  addPartlyPublished(item: BatchItem): void {
    this.#partlyPublished.add(item);
  }

  /** Otherwise each attempt on a later event of an item would send its first events again, in any process. */
  async notePartlyPublished(): Promise<void> {
    const { ports } = this.#invocation;
    const marks = [...this.#partlyPublished].flatMap(({ content }) =>
      content.kind === 'item' && content.receipts.length < content.messages.length
        ? [markOf(content, content.receipts)]
        : [],
    );
    this.#partlyPublished.clear();
    if (marks.length === 0) return;
    const failures = await ports.items.noteReceipts?.(marks, this.#invocation.timeForMarksMs);
    const [cause] = failures?.values() ?? [];
    if (cause === undefined) return;
    ports.telemetry.outage({ message: 'The receipts of partly published items could not be written.', cause });
  }

  #send(tasks: readonly MarkTask[]): void {
    if (tasks.length === 0) return;
    const { ports, timeForMarksMs } = this.#invocation;
    const marks = tasks.map(({ mark }) => mark);
    const sending: Promise<void> = ports.items.mark(marks, timeForMarksMs).then((failures) => {
      this.#inFlight.delete(sending);
      this.#settle(tasks, failures);
    });
    this.#inFlight.add(sending);
  }

  #settle(tasks: readonly MarkTask[], failures: ReadonlyMap<Mark, unknown>): void {
    const { ports, memory } = this.#invocation;
    for (const { item, mark } of tasks) {
      if (failures.has(mark)) {
        item.state = 'failed';
        ports.telemetry.markFailed(mark, failures.get(mark));
      } else memory.acknowledged.set(item.identity, { sequence: item.sequence });
    }
    if (failures.size < tasks.length) return;
    const [cause] = failures.values();
    const keys = new Set(tasks.map(({ mark }) => mark.pk));
    const [pk] = keys;
    // DynamoDB answered for single statements of one key: only this key is throttled.
    if (keys.size === 1 && pk !== undefined && !(cause instanceof Error)) {
      const failure = { message: `Published items of "${pk}" could not be marked.`, cause };
      this.#invocation.block(pk, failure);
      ports.telemetry.keyFailed(pk, failure);
      return;
    }
    // Items that are published without marks would be published again.
    this.#invocation.stop({ message: 'Published items could not be marked.', cause });
  }
}

const markOf = ({ item: { pk, sk, id } }: ItemContent, receipts: readonly Receipt[]): Mark => ({
  pk,
  sk,
  id,
  receipts,
});
