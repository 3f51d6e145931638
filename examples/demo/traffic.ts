import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsistencyToken } from '../../lib/consumer';
import type { OrderRequest } from '../order-service/order';
import { DemoError } from './options';
import type { CommittedEvent } from './record';
import type { Writers } from './writers';

/** A call of the order service. */
export type Command =
  | ({ readonly kind: 'place' } & OrderRequest)
  | { readonly kind: 'pay' | 'ship' | 'cancel'; readonly orderId: string }
  | { readonly kind: 'replenish'; readonly sku: string; readonly quantity: number };

export interface Step {
  readonly command: Command;
  /** How many events it causes; 0 for a command that the service's rules must refuse. */
  readonly events: number;
}

export interface Plan {
  /** Fills the stock; must be done before the errands start. */
  readonly opening: readonly Step[];
  /** The steps of one errand run one after the other; several errands run at once. */
  readonly errands: readonly (readonly Step[])[];
}

export const describe = (command: Command): string =>
  `${command.kind} ${command.kind === 'replenish' ? command.sku : command.orderId}`;

export const eventsOf = (steps: readonly Step[]): number => steps.reduce((sum, { events }) => sum + events, 0);

/** Never runs out, so that the number of events is exact. */
const STOCK = 1_000_000_000;
const CUSTOMERS = 20;
const PRICES = [1_900, 450, 12_000] as const;

/** Commands that together cause exactly `events` events, on `keys` articles at most. */
export function plan(events: number, keys: number): Plan {
  const articles = Array.from({ length: Math.min(keys, events) }, (_, index) => `article-${index + 1}`);
  const replenish = (sku = '', quantity = 1): Step => ({ command: { kind: 'replenish', sku, quantity }, events: 1 });
  const errands: Step[][] = [];
  let left = events - articles.length;
  for (let number = 1; left > 0; number += 1) {
    const next = errand(number, articles);
    if (eventsOf(next) > left) break;
    errands.push(next);
    left -= eventsOf(next);
  }
  // The rest is too small for a whole errand.
  const rest = Array.from({ length: left }, (_, index) => [replenish(articles[index % articles.length])]);
  return { opening: articles.map((sku) => replenish(sku, STOCK)), errands: [...errands, ...rest] };
}

/** An order of one of three kinds, in turn: shipped, cancelled before it was paid, cancelled after. */
function errand(number: number, articles: readonly string[]): Step[] {
  const orderId = `order-${number}`;
  // Every other order has two articles, so that its transaction spans three keys.
  const skus = new Set([number, number % 2 === 0 ? number + 1 : number].map((at) => articles[at % articles.length]));
  const lines = [...skus].map((sku = '', index) => {
    const unitPrice = PRICES[(number + index) % PRICES.length] ?? PRICES[0];
    return { sku, quantity: 1 + (number % 2), unitPrice };
  });
  const step = (kind: 'pay' | 'ship' | 'cancel', events: number): Step => ({ command: { kind, orderId }, events });
  const each = 1 + lines.length;
  const customerId = `customer-${(number % CUSTOMERS) + 1}`;
  const place: Step = { command: { kind: 'place', orderId, customerId, lines }, events: each };
  if (number % 3 === 1) return [place, step('pay', 1), step('ship', 1)];
  // The refused payment shows that a refused command leaves no event.
  if (number % 3 === 2) return [place, step('cancel', each), step('pay', 0)];
  return [place, step('pay', 1), step('cancel', each + 1)];
}

export interface TrafficOptions {
  readonly writers: Pick<Writers, 'run'>;
  /** How many errands run at once. */
  readonly concurrency: number;
  /** Pause between two commands, so that a person can follow. */
  readonly paceMs: number;
  readonly signal: AbortSignal;
  onCommitted(writer: number, events: readonly CommittedEvent[], command: Command, token: ConsistencyToken): void;
  onRefused(writer: number, command: Command, reason: string): void;
}

const BUSY_WAIT_MS = 100;

/**
 * Sends the plan's commands to the writers, as the service's clients would.
 *
 * @throws DemoError `writer-failed` if the outcome of a command differs from the plan. The first one ends the run.
 */
export async function runTraffic({ opening, errands }: Plan, options: TrafficOptions): Promise<void> {
  const { signal, concurrency, paceMs } = options;
  for (const part of [opening.map((step) => [step]), errands]) {
    const queue = part.values();
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (const steps of queue) {
        for (const step of steps) {
          if (failures.length > 0) return;
          await runStep(step, options);
          if (paceMs > 0) await sleep(paceMs, undefined, { signal });
        }
      }
    };
    const lanes = Array.from({ length: concurrency }, lane);
    await Promise.all(lanes.map((each) => each.catch((error: unknown) => failures.push(error))));
    if (failures.length > 0) throw failures[0];
  }
}

async function runStep({ command, events: expected }: Step, options: TrafficOptions): Promise<void> {
  for (;;) {
    options.signal.throwIfAborted();
    const { writer, outcome } = await options.writers.run(command);
    const fail = (what: string): never => {
      throw new DemoError('writer-failed', `Writer ${writer} was to ${describe(command)}, but ${what}`);
    };
    if (outcome.kind === 'committed') {
      options.onCommitted(writer, outcome.events, command, outcome.token);
      if (outcome.events.length !== expected) fail(`wrote ${outcome.events.length} events instead of ${expected}.`);
      return;
    }
    if (outcome.kind === 'failed') return fail(`failed: ${outcome.message}`);
    if (!outcome.retryable) {
      if (expected > 0) fail(`refused: ${outcome.message}`);
      options.onRefused(writer, command, outcome.message);
      return;
    }
    await sleep(BUSY_WAIT_MS, undefined, { signal: options.signal });
  }
}
