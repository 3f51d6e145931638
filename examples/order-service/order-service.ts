import type { ConsistencyToken } from 'dynamodb-outbox';
import { OrderError } from './errors';
import { cancelOrder, payOrder, placeOrder, shipOrder, type Decision, type Order, type OrderRequest } from './order';
import { release, replenish, reserve, type Article } from './stock';
import { createStore, orderPart, stockPart, untilUndisturbed, type StoreOptions } from './store';

/** The result of a command. */
export interface Committed<State> {
  readonly state: State;
  /** Names the write to consumers of its events: with it a caller can wait until a read model shows the write. */
  readonly token: ConsistencyToken;
}

/**
 * The commands of the order service. Each commits its rows and its events in one transaction. Once it has resolved, the
 * events will be published; after an `OrderError` there are none. Any number of instances may run at once.
 */
export interface OrderService {
  /** Also reserves the articles. Writes `order.placed` and a `stock.reserved` for each line. */
  place(request: OrderRequest): Promise<Committed<Order>>;
  /** Writes `order.paid`. */
  pay(orderId: string): Promise<Committed<Order>>;
  /** Writes `order.shipped`. */
  ship(orderId: string): Promise<Committed<Order>>;
  /**
   * Also releases the articles. Writes `order.cancelled`, `order.refund-due` if it was paid, and a `stock.released` for
   * each line.
   */
  cancel(orderId: string): Promise<Committed<Order>>;
  /** Writes `stock.replenished`; an unknown article becomes known. */
  replenish(sku: string, quantity: number): Promise<Committed<Article>>;
}

export function createOrderService(options: StoreOptions): OrderService {
  const store = createStore(options);

  const changeOrder = (orderId: string, decide: (order: Order) => Decision<Order>): Promise<Committed<Order>> =>
    untilUndisturbed(async () => {
      const decision = decide(known(await store.order(orderId), orderId));
      return { state: decision.next, token: await store.commit([orderPart(decision)]) };
    });

  /** The changes of the articles of an order, for the same transaction as the change of the order. */
  const changeStock = (
    { orderId, lines }: Order,
    decide: (article: Article, quantity: number, orderId: string) => Decision<Article>,
  ) =>
    Promise.all(
      lines.map(async ({ sku, quantity }) => {
        const article = await store.article(sku);
        if (article === undefined) {
          throw new OrderError('unknown-article', `There is no article ${sku}. Replenish it first.`, { sku });
        }
        return stockPart(decide(article, quantity, orderId));
      }),
    );

  return {
    place: (request) =>
      untilUndisturbed(async () => {
        const decision = placeOrder(await store.order(request.orderId), request);
        return {
          state: decision.next,
          token: await store.commit([orderPart(decision), ...(await changeStock(decision.next, reserve))]),
        };
      }),
    pay: (orderId) => changeOrder(orderId, payOrder),
    ship: (orderId) => changeOrder(orderId, shipOrder),
    cancel: (orderId) =>
      untilUndisturbed(async () => {
        const decision = cancelOrder(known(await store.order(orderId), orderId));
        return {
          state: decision.next,
          token: await store.commit([orderPart(decision), ...(await changeStock(decision.next, release))]),
        };
      }),
    replenish: (sku, quantity) =>
      untilUndisturbed(async () => {
        const decision = replenish(await store.article(sku), sku, quantity);
        return { state: decision.next, token: await store.commit([stockPart(decision)]) };
      }),
  };
}

function known(order: Order | undefined, orderId: string): Order {
  if (order !== undefined) return order;
  throw new OrderError('unknown-order', `There is no order ${orderId}.`, { orderId });
}
