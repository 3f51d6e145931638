/** An error that DynamoDB returns instead of a result; `type` is its name. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly type: string;
  /** Further members of the response, next to its message. */
  readonly more: Readonly<Record<string, unknown>>;

  constructor(type: string, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.type = type;
    this.more = more;
  }
}

export function refuse(message: string): never {
  throw new ServiceError('ValidationException', message);
}
