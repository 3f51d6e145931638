import { protocolErrors, protocolErrorsCodesById } from '@platformatic/kafka';
import { messageOf } from '../../event/errors';

/** An error code in a broker's answer. */
export class BrokerRefusal extends Error {
  override readonly name = 'BrokerRefusal';
  /** The name of the code, such as `MESSAGE_TOO_LARGE`. */
  readonly type: string;

  /** @param detail - text of the broker, if it sent one */
  constructor(code: number, detail: string | null = null) {
    const type = names[code] ?? `ERROR_${code}`;
    super(detail ?? texts[type]?.message ?? `The broker returned error code ${code}.`);
    this.type = type;
  }
}

const names: Readonly<Record<number, string>> = protocolErrorsCodesById;
const texts: Readonly<Record<string, { readonly message: string }>> = protocolErrors;

/** A connection was not made, or a request got no answer: it is unknown whether the broker received it. */
export class KafkaCallFailed extends Error {
  override readonly name = 'KafkaCallFailed';
  readonly broker: string;

  constructor(call: string, broker: string, cause: unknown) {
    super(`Kafka's ${call} failed at broker ${broker}: ${explanationOf(cause)}`, { cause });
    this.broker = broker;
  }
}

interface Cause {
  readonly message: string;
  readonly code?: unknown;
  /** The broker's own text, which the client keeps apart from its text for the error code. */
  readonly serverErrorMessage?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const isCause = (value: unknown): value is Cause =>
  typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';

/** Errors wrap errors; the limit ends a chain that contains a cycle. */
const MAX_DEPTH = 8;

/** The texts of an error and of those that it wraps: the outermost names the step, the innermost the reason. */
function explanationOf(error: unknown): string {
  const texts = new Set<string>();
  let cause = error;
  for (let depth = 0; depth < MAX_DEPTH && isCause(cause); depth++) {
    texts.add(textOf(cause));
    cause = Array.isArray(cause.errors) ? (cause.errors[0] as unknown) : cause.cause;
  }
  return texts.size === 0 ? messageOf(error) : [...texts].join(' ');
}

/** Node.js leaves the text empty if a name has several addresses and none can be reached. */
function textOf({ serverErrorMessage, message, code }: Cause): string {
  if (typeof serverErrorMessage === 'string') return serverErrorMessage;
  return message === '' && typeof code === 'string' ? code : message;
}
