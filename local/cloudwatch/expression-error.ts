/** An expression that cannot be computed locally. The message names the expression and the part. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}
