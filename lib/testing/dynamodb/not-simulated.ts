import { OutboxError } from '../../event/errors';

/** What the tables in memory do not do: better no answer than a wrong one. */
export function notSimulated(what: string, instead: string): never {
  throw new OutboxError('not-simulated', `${what} is not simulated in memory. ${instead}`, { what });
}
