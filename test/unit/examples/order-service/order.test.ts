import {
  cancelOrder,
  payOrder,
  placeOrder,
  shipOrder,
  type Order,
  type OrderLine,
} from '../../../../examples/order-service/order';

const line = (change: Partial<OrderLine> = {}): OrderLine => ({ sku: 'hat', quantity: 2, unitPrice: 150, ...change });

const order = (status: Order['status']): Order => ({
  ...{ orderId: '7', customerId: '1', lines: [line()], total: 300, status, version: 4 },
});

const request = (lines: readonly OrderLine[]) => ({ orderId: '7', customerId: '1', lines });

describe('placeOrder', () => {
  it('begins with version 1 and says what it costs', () => {
    const lines = [line(), line({ sku: 'bag', quantity: 1 })];
    expect(placeOrder(undefined, request(lines))).toEqual({
      next: { orderId: '7', customerId: '1', lines, total: 450, status: 'placed', version: 1 },
      events: [{ type: 'order.placed', data: { orderId: '7', customerId: '1', lines, total: 450 } }],
    });
  });

  it('refuses an order that exists', () => {
    expect(() => placeOrder(order('shipped'), request([line()]))).toThrow(
      expect.objectContaining({ code: 'order-exists', details: { orderId: '7' } }) as Error,
    );
  });

  it.each([
    ['without lines', [], 'lines'],
    ['for nothing of an article', [line({ quantity: 0 })], 'lines.0.quantity'],
    ['for half a piece', [line(), line({ sku: 'bag', quantity: 0.5 })], 'lines.1.quantity'],
    ['at a negative price', [line({ unitPrice: -1 })], 'lines.0.unitPrice'],
    ['with an article in two lines', [line(), line()], 'lines'],
  ])('refuses an order %s', (_, lines, field) => {
    expect(() => placeOrder(undefined, request(lines))).toThrow(
      expect.objectContaining({ code: 'invalid-order', details: { orderId: '7', field } }) as Error,
    );
  });
});

describe('a command that the status allows', () => {
  it.each([
    ['pay', payOrder, 'placed', 'paid', ['order.paid']],
    ['ship', shipOrder, 'paid', 'shipped', ['order.shipped']],
    ['cancel', cancelOrder, 'placed', 'cancelled', ['order.cancelled']],
    ['cancel', cancelOrder, 'paid', 'cancelled', ['order.cancelled', 'order.refund-due']],
  ] as const)('%s (case %#) changes the status, counts the version and tells of it', (_, command, from, to, types) => {
    const { next, events } = command(order(from));
    expect(next).toEqual({ ...order(to), version: 5 });
    expect(events.map(({ type }) => type)).toEqual(types);
  });
});

describe('a command that the status does not allow', () => {
  it.each([
    ['pay', payOrder, ['paid', 'shipped', 'cancelled']],
    ['ship', shipOrder, ['placed', 'shipped', 'cancelled']],
    ['cancel', cancelOrder, ['shipped', 'cancelled']],
  ] as const)('%s is refused, naming the status and what it must be', (_, command, refused) => {
    for (const status of refused) {
      expect(() => command(order(status))).toThrow(
        expect.objectContaining({
          code: 'wrong-status',
          details: expect.objectContaining({ orderId: '7', status }) as unknown,
        }) as Error,
      );
    }
  });
});
