import { z } from 'zod';
import { OrderError } from './errors';
import type { Decision } from './order';

/** A row of the business table: how much of an article can be sold. */
export const articleRow = z.object({
  sku: z.string(),
  available: z.int().nonnegative(),
  /** Counts the transactions that changed it. */
  version: z.int().positive(),
});

export type Article = z.output<typeof articleRow>;

export function replenish(article: Article | undefined, sku: string, quantity: number): Decision<Article> {
  if (!Number.isSafeInteger(quantity) || quantity < 1) {
    const message = `Article ${sku} cannot be replenished by ${quantity}: it must be a positive integer.`;
    throw new OrderError('invalid-quantity', message, { sku, quantity });
  }
  const next = changed(article ?? { sku, available: 0, version: 0 }, quantity);
  return { next, events: [{ type: 'stock.replenished', data: { sku, quantity, available: next.available } }] };
}

export function reserve(article: Article, quantity: number, orderId: string): Decision<Article> {
  const { sku, available } = article;
  if (available < quantity) {
    throw new OrderError('out-of-stock', `There are ${available} of article ${sku}; ${quantity} are wanted.`, {
      sku,
      wanted: quantity,
      available,
    });
  }
  const next = changed(article, -quantity);
  return { next, events: [{ type: 'stock.reserved', data: { sku, quantity, available: next.available, orderId } }] };
}

export function release(article: Article, quantity: number, orderId: string): Decision<Article> {
  const next = changed(article, quantity);
  return {
    next,
    events: [{ type: 'stock.released', data: { sku: next.sku, quantity, available: next.available, orderId } }],
  };
}

const changed = (article: Article, by: number): Article => ({
  ...article,
  available: article.available + by,
  version: article.version + 1,
});
