import { OutboxError } from '../../event/errors';

/** Refuses an unsupported feature: an error is better than a wrong answer. */
export function notSimulated(what: string, instead: string): never {
  throw new OutboxError('not-simulated', `${what} is not simulated in memory. ${instead}`, { what });
}
