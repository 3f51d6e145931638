import { field } from '../dynamodb/sdk-error';
import { OutboxError } from '../event/errors';

const MAX_DEPTH = 8;
/** Names that say nothing about the failure. */
const GENERAL_NAMES: readonly unknown[] = ['Error', '', undefined];

/**
 * `error.type`: the code of an OutboxError, the code of Kafka's protocol (`NOT_ENOUGH_REPLICAS`), the code of a network
 * error (`ECONNRESET`) or the name of the error; that of its cause if it has none of its own. `_OTHER` otherwise.
 */
export function errorTypeOf(error: unknown): string {
  let link = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof link === 'object' && link !== null; depth++) {
    const found = typeOfLink(link);
    if (found !== undefined) return found;
    link = field(link, 'cause');
  }
  return '_OTHER';
}

function typeOfLink(error: object): string | undefined {
  const known: OutboxError | undefined = error instanceof OutboxError ? error : undefined;
  if (known !== undefined) return known.code;
  const codes = [field(error, 'type'), field(error, 'code')];
  const code = codes.find((each) => typeof each === 'string' && /^[A-Z][A-Z0-9_]*$/.test(each));
  if (typeof code === 'string') return code;
  const name = field(error, 'name');
  // The consumer wraps the failure of a service that a key waits for.
  const isWrapper = name === 'KeyDelayed' || name === 'TableUnavailable';
  return typeof name === 'string' && !isWrapper && !GENERAL_NAMES.includes(name) ? name : undefined;
}
