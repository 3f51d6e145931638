import type { CommittedEvent, Delivery, ItemState } from './record';

/** One event, from the commit to the mark. */
export interface Journey {
  readonly event: CommittedEvent;
  /** Counts transactions in the order in which they were acknowledged. */
  readonly transaction: number;
  readonly writer: number;
  readonly delivery: Delivery;
  /** Epoch milliseconds. */
  readonly markedAt: number;
}

interface Commit {
  readonly event: CommittedEvent;
  readonly transaction: number;
  readonly writer: number;
}

/** Combines the reports of writers, consumer and table about each event. The reports may come in any order. */
export class Journeys {
  readonly #commits = new Map<string, Commit>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #marks = new Map<string, number>();
  readonly #complete = new Set<string>();
  #transactions = 0;

  get counts(): { readonly committed: number; readonly delivered: number; readonly marked: number } {
    return { committed: this.#commits.size, delivered: this.#deliveries.size, marked: this.#marks.size };
  }

  /** Whether every committed event has arrived. */
  get allDelivered(): boolean {
    return [...this.#commits.keys()].every((id) => this.#deliveries.has(id));
  }

  committed(writer: number, events: readonly CommittedEvent[]): void {
    this.#transactions += 1;
    for (const event of events) this.#commits.set(event.id, { event, writer, transaction: this.#transactions });
  }

  /** Only the first arrival counts. */
  arrived(delivery: Delivery): void {
    if (!this.#deliveries.has(delivery.id)) this.#deliveries.set(delivery.id, delivery);
  }

  seen(items: readonly ItemState[]): void {
    for (const { events, processedAt } of items) {
      if (processedAt !== undefined) for (const id of events) this.#marks.set(id, processedAt);
    }
  }

  /** The journeys that have ended since the last call, in the order of their transactions. */
  takeComplete(): Journey[] {
    const ended: Journey[] = [];
    for (const [id, commit] of this.#commits) {
      const delivery = this.#deliveries.get(id);
      const markedAt = this.#marks.get(id);
      if (delivery === undefined || markedAt === undefined || this.#complete.has(id)) continue;
      this.#complete.add(id);
      ended.push({ ...commit, delivery, markedAt });
    }
    return ended;
  }
}
