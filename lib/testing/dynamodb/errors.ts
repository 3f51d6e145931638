import { OutboxError } from '../../event/errors';

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

/** Refuses an unsupported feature: an error is better than a wrong answer. */
export function notSimulated(what: string, instead: string): never {
  throw new OutboxError('not-simulated', `${what} is not simulated in memory. ${instead}`, { what });
}

export const isNotSimulated = (error: unknown): error is OutboxError<'not-simulated'> =>
  error instanceof OutboxError && error.is('not-simulated');
