import { z } from 'zod';
import { OrderError } from './errors';
import { orderLine, type ShopEvent } from './events';

export type OrderLine = z.output<typeof orderLine>;

/** A row of the business table. */
export const orderRow = z.object({
  orderId: z.string(),
  customerId: z.string(),
  lines: z.array(orderLine),
  /** Cents. */
  total: z.int(),
  status: z.enum(['placed', 'paid', 'shipped', 'cancelled']),
  /** Counts the transactions that changed the order. */
  version: z.int().positive(),
});

export type Order = z.output<typeof orderRow>;

export interface OrderRequest {
  readonly orderId: string;
  readonly customerId: string;
  /** At least one; one line for each article. */
  readonly lines: readonly OrderLine[];
}

/** The result of a rule: the aggregate's next state, and the events about it in their order. */
export interface Decision<State> {
  readonly next: State;
  readonly events: readonly ShopEvent[];
}

export function placeOrder(existing: Order | undefined, request: OrderRequest): Decision<Order> {
  const { orderId, customerId } = request;
  if (existing !== undefined) {
    throw new OrderError('order-exists', `Order ${orderId} was placed before.`, { orderId });
  }
  const parsed = z.array(orderLine).min(1).safeParse(request.lines);
  if (!parsed.success) {
    const field = ['lines', ...(parsed.error.issues[0]?.path ?? [])].join('.');
    throw new OrderError('invalid-order', `Order ${orderId} cannot be placed: ${field} is not valid.`, {
      orderId,
      field,
    });
  }
  const lines = parsed.data;
  if (new Set(lines.map(({ sku }) => sku)).size < lines.length) {
    const message = `Order ${orderId} names an article in two lines. Add their quantities.`;
    throw new OrderError('invalid-order', message, { orderId, field: 'lines' });
  }
  const total = lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
  return {
    next: { orderId, customerId, lines, total, status: 'placed', version: 1 },
    events: [{ type: 'order.placed', data: { orderId, customerId, lines, total } }],
  };
}

export function payOrder(order: Order): Decision<Order> {
  const { orderId, total } = allow(order, ['placed']);
  return { next: changed(order, 'paid'), events: [{ type: 'order.paid', data: { orderId, total } }] };
}

export function shipOrder(order: Order): Decision<Order> {
  const { orderId } = allow(order, ['paid']);
  return { next: changed(order, 'shipped'), events: [{ type: 'order.shipped', data: { orderId } }] };
}

export function cancelOrder(order: Order): Decision<Order> {
  const { orderId, total, status } = allow(order, ['placed', 'paid']);
  return {
    next: changed(order, 'cancelled'),
    events: [
      { type: 'order.cancelled', data: { orderId } },
      ...(status === 'paid' ? [{ type: 'order.refund-due' as const, data: { orderId, total } }] : []),
    ],
  };
}

function allow(order: Order, allowed: readonly Order['status'][]): Order {
  const { orderId, status } = order;
  if (allowed.includes(status)) return order;
  throw new OrderError('wrong-status', `Order ${orderId} is ${status}; it must be ${allowed.join(' or ')}.`, {
    orderId,
    status,
    allowed,
  });
}

const changed = (order: Order, status: Order['status']): Order => ({ ...order, status, version: order.version + 1 });
