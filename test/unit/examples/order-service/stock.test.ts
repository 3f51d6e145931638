import { release, replenish, reserve } from '../../../../examples/order-service/stock';

const hats = { sku: 'hat', available: 5, version: 3 };

describe('stock', () => {
  it('gets to know an article when it is replenished', () => {
    expect(replenish(undefined, 'hat', 5)).toEqual({
      next: { sku: 'hat', available: 5, version: 1 },
      events: [{ type: 'stock.replenished', data: { sku: 'hat', quantity: 5, available: 5 } }],
    });
  });

  it.each([0, -1, 0.5, Number.NaN])('refuses to be replenished by %p', (quantity) => {
    expect(() => replenish(hats, 'hat', quantity)).toThrow(
      expect.objectContaining({ code: 'invalid-quantity' }) as Error,
    );
  });

  it('is reserved to the last piece', () => {
    expect(reserve(hats, 5, '7')).toEqual({
      next: { sku: 'hat', available: 0, version: 4 },
      events: [{ type: 'stock.reserved', data: { sku: 'hat', quantity: 5, available: 0, orderId: '7' } }],
    });
  });

  it('refuses to be reserved beyond that', () => {
    expect(() => reserve(hats, 6, '7')).toThrow(
      expect.objectContaining({ code: 'out-of-stock', details: { sku: 'hat', wanted: 6, available: 5 } }) as Error,
    );
  });

  it('has again what is released', () => {
    expect(release(hats, 2, '7')).toEqual({
      next: { sku: 'hat', available: 7, version: 4 },
      events: [{ type: 'stock.released', data: { sku: 'hat', quantity: 2, available: 7, orderId: '7' } }],
    });
  });
});
