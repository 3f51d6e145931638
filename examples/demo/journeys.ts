import type { CommittedEvent, Delivery, ItemState } from './record';
import type { Observations } from './verdict';

interface Commit {
  readonly event: CommittedEvent;
  /** Counts transactions in the order in which they were acknowledged. */
  readonly transaction: number;
  readonly writer: number;
}

/** One event, from the commit to the mark. */
export interface Journey extends Commit {
  readonly delivery: Delivery;
  readonly markedAt: number;
}

/** Combines the reports of writers, consumer and table about each event. The reports may come in any order. */
export class Journeys {
  readonly #commits = new Map<string, Commit>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #allDeliveries: Delivery[] = [];
  #items: readonly ItemState[] = [];
  readonly #marks = new Map<string, number>();
  readonly #complete = new Set<string>();
  #transactions = 0;

  get counts(): { readonly committed: number; readonly delivered: number; readonly marked: number } {
    return { committed: this.#commits.size, delivered: this.#deliveries.size, marked: this.#marks.size };
  }

  /** Everything so far, with every delivery and the latest items. */
  get observed(): Omit<Observations, 'readModel'> {
    const committed = [...this.#commits.values()].map(({ event }) => event);
    return { committed, deliveries: this.#allDeliveries, items: this.#items };
  }

  /** Whether every committed event has arrived. */
  get allDelivered(): boolean {
    return [...this.#commits.keys()].every((id) => this.#deliveries.has(id));
  }

  committed(writer: number, events: readonly CommittedEvent[]): void {
    const transaction = ++this.#transactions;
    for (const event of events) this.#commits.set(event.id, { event, writer, transaction });
  }

  /** For a journey, only the first arrival counts. */
  arrived(delivery: Delivery): void {
    this.#allDeliveries.push(delivery);
    if (!this.#deliveries.has(delivery.id)) this.#deliveries.set(delivery.id, delivery);
  }

  seen(items: readonly ItemState[]): void {
    this.#items = items;
    for (const { events, processedAt } of items) {
      if (processedAt !== undefined) for (const id of events) this.#marks.set(id, processedAt);
    }
  }

  /** The journeys that have ended since the last call, in the order of their transactions. */
  takeComplete(): Journey[] {
    return [...this.#commits].flatMap(([id, commit]) => {
      const [delivery, markedAt] = [this.#deliveries.get(id), this.#marks.get(id)];
      if (delivery === undefined || markedAt === undefined || this.#complete.has(id)) return [];
      this.#complete.add(id);
      return [{ ...commit, delivery, markedAt }];
    });
  }
}
