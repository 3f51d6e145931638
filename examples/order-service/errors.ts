/** The details of each code. */
export interface OrderErrorDetails {
  'order-exists': { orderId: string };
  'unknown-order': { orderId: string };
  'invalid-order': { orderId: string; field: string };
  'wrong-status': { orderId: string; status: string; allowed: readonly string[] };
  'unknown-article': { sku: string };
  'invalid-quantity': { sku: string; quantity: number };
  'out-of-stock': { sku: string; wanted: number; available: number };
  'too-busy': { attempts: number };
}

export type OrderErrorCode = keyof OrderErrorDetails;

/** A command was refused: it has written nothing, and there is no event for it. */
export class OrderError<C extends OrderErrorCode = OrderErrorCode> extends Error {
  override readonly name = 'OrderError';
  readonly code: C;
  readonly details: OrderErrorDetails[C];
  /** Whether the same command may succeed a little later. */
  readonly retryable: boolean;

  constructor(code: C, message: string, details: OrderErrorDetails[C], options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.details = details;
    this.retryable = code === 'too-busy';
  }
}
