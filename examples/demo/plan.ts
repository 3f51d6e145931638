import type { OrderRequest } from '../order-service/order';

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

/** Its steps run one after the other; several errands run at once. */
export type Errand = readonly Step[];

export interface Plan {
  /** Fills the stock; must be done before the errands start. */
  readonly opening: readonly Step[];
  readonly errands: readonly Errand[];
}

/** Never runs out, so that the number of events is exact. */
const STOCK = 1_000_000_000;
const CUSTOMERS = 20;
const PRICES = [1_900, 450, 12_000] as const;

/** Commands that together cause exactly `events` events, on `keys` articles at most. */
export function plan(events: number, keys: number): Plan {
  const articles = Array.from({ length: Math.min(keys, events) }, (_, index) => `article-${index + 1}`);
  const opening = articles.map((sku): Step => ({ command: { kind: 'replenish', sku, quantity: STOCK }, events: 1 }));
  const errands: Errand[] = [];
  let left = events - opening.length;
  for (let number = 1; left > 0; number += 1) {
    const next = errand(number, articles);
    const cost = eventsOf(next);
    if (cost > left) break;
    errands.push(next);
    left -= cost;
  }
  // The rest is too small for a whole errand.
  for (let index = 0; index < left; index += 1) {
    errands.push([{ command: { kind: 'replenish', sku: articleAt(articles, index), quantity: 1 }, events: 1 }]);
  }
  return { opening, errands };
}

/** An order of one of three kinds, in turn: shipped, cancelled before it was paid, cancelled after. */
function errand(number: number, articles: readonly string[]): Errand {
  const orderId = `order-${number}`;
  const lines = linesOf(number, articles);
  const place: Step = {
    command: { kind: 'place', orderId, customerId: `customer-${(number % CUSTOMERS) + 1}`, lines },
    events: 1 + lines.length,
  };
  const pay: Step = { command: { kind: 'pay', orderId }, events: 1 };
  const cancelled = 1 + lines.length;
  switch (number % 3) {
    case 1:
      return [place, pay, { command: { kind: 'ship', orderId }, events: 1 }];
    case 2:
      // The refused payment shows that a refused command leaves no event.
      return [place, { command: { kind: 'cancel', orderId }, events: cancelled }, { ...pay, events: 0 }];
    default:
      return [place, pay, { command: { kind: 'cancel', orderId }, events: cancelled + 1 }];
  }
}

/** Every other order has two articles, so that its transaction spans three keys. */
function linesOf(number: number, articles: readonly string[]): OrderRequest['lines'] {
  const skus = new Set([articleAt(articles, number), articleAt(articles, number % 2 === 0 ? number + 1 : number)]);
  return [...skus].map((sku, index) => ({
    sku,
    quantity: 1 + (number % 2),
    unitPrice: PRICES[(number + index) % PRICES.length] ?? PRICES[0],
  }));
}

const articleAt = (articles: readonly string[], index: number): string => articles[index % articles.length] ?? '';

export const eventsOf = (steps: Errand): number => steps.reduce((sum, { events }) => sum + events, 0);

export const describe = (command: Command): string =>
  `${command.kind} ${command.kind === 'replenish' ? command.sku : command.orderId}`;
