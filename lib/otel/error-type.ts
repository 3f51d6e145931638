import { field } from '../dynamodb/sdk-error';

const MAX_DEPTH = 8;
/** Names of errors that only repeat, collect or pass on another one. */
const WRAPPERS: ReadonlySet<string> = new Set([
  'KeyDelayed',
  'TableUnavailable',
  'AggregateError',
  'KafkaCallFailed',
  'KafkaJSError',
  'KafkaJSNonRetriableError',
  'KafkaJSNumberOfRetriesExceeded',
  'KafkaJSAggregateError',
  'PLT_KFK_MULTIPLE',
  'PLT_KFK_NETWORK',
  'PLT_KFK_RESPONSE',
]);

/** A name of a class, and no text: a text may hold keys, and has a new value for each failure. */
const CLASS_NAME = /^[A-Za-z_$][\w$.]{0,99}$/;
const CODE = /^[A-Z][A-Z0-9_]{0,99}$/;
const OUTBOX_CODE = /^[a-z][a-z-]{0,99}$/;

/**
 * `error.type`: the code of an OutboxError, the code of Kafka's protocol (`NOT_ENOUGH_REPLICAS`), the code of a network
 * error (`ECONNRESET`) or the name of the error. A client's wrapper has the type of its cause, as far as that has one.
 * `_OTHER` without any.
 */
export function errorTypeOf(error: unknown): string {
  let wrapper: string | undefined;
  let link = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof link === 'object' && link !== null; depth++) {
    const found = typeOfLink(link);
    if (found !== undefined && !WRAPPERS.has(found)) return found;
    wrapper ??= found;
    link = causeOf(link);
  }
  return wrapper ?? '_OTHER';
}

/** kafkajs names the cause `originalError`, too; an AggregateError has a list. */
function causeOf(error: object): unknown {
  const errors = field(error, 'errors');
  return field(error, 'cause') ?? field(error, 'originalError') ?? (Array.isArray(errors) ? errors[0] : undefined);
}

function typeOfLink(error: object): string | undefined {
  const [type, code, name] = ['type', 'code', 'name'].map((property) => field(error, property));
  // Not by `instanceof`: the error may be of another copy of this package, such as that in the bundle of a function.
  if (name === 'OutboxError' && matches(OUTBOX_CODE, code)) return code;
  const found = [type, code].find((each) => matches(CODE, each));
  if (found !== undefined) return found;
  return matches(CLASS_NAME, name) && name !== 'Error' ? name : undefined;
}

const matches = (pattern: RegExp, value: unknown): value is string => typeof value === 'string' && pattern.test(value);
