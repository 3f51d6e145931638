import { z } from 'zod';
import { defineEvents, type EventCatalogue, type EventDefinition } from '../../../../lib';

const Money = z.object({ amount: z.number(), currency: z.string().default('EUR') }).meta({ id: 'Money' });
const Category = z.object({
  name: z.string(),
  get parents() {
    return z.array(Category).optional();
  },
});

/** One type of each kind: with a version, annotated, recursive, with a tuple, binary, with an odd name. */
export const SHOP = {
  'order.placed': {
    topic: 'orders',
    version: 2,
    upcasters: { 1: (data: unknown) => data },
    dataSchema: 'https://example.com/order-placed-2.json',
    schema: z
      .object({
        orderId: z.string().describe('The number on the invoice.'),
        total: Money,
        shipping: Money.optional().describe('Nothing if collected.'),
      })
      .meta({
        title: 'Order placed',
        description: 'A customer has ordered.',
        examples: [{ orderId: '42', total: { amount: 5, currency: 'EUR' } }],
      }),
  },
  'order.cancelled': {
    topic: 'orders',
    schema: z.object({ orderId: z.string() }).meta({ deprecated: true }),
  },
  'category.moved': { topic: 'catalogue', schema: Category },
  'position.seen': {
    topic: 'positions',
    maxMessageBytes: 5_000,
    schema: z.object({ at: z.tuple([z.number(), z.number()]).rest(z.string()), pair: z.tuple([z.int(), z.int()]) }),
  },
  'label.printed': {
    topic: 'labels',
    contentType: 'application/pdf',
    schema: z.instanceof(Uint8Array),
    jsonSchema: false,
  },
  'odd/näme ~ 100%#"': { topic: 'odd.topic_1', schema: Category },
} satisfies Readonly<Record<string, EventDefinition>>;

export const shop = (): EventCatalogue => defineEvents(SHOP);
export const INFO = { title: 'Shop', version: '1.4.0', description: 'Orders of the shop.' };
