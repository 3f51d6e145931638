/** What DynamoDB answers instead of a result: an error of the service, by its name. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly type: string;
  /** What the answer carries beside its message. */
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
