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

/** Errors wrap errors; the limit ends a chain that contains a cycle. */
const MAX_DEPTH = 8;

/** The texts of an error and of those that it wraps: the outermost names the step, the innermost the reason. */
function explanationOf(error: unknown): string {
  const texts: string[] = [];
  let cause = error;
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    texts.push(textOf(cause));
    cause = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause.cause;
  }
  return texts.length === 0 ? messageOf(error) : [...new Set(texts)].join(' ');
}

/** The client keeps the broker's own text apart; Node.js leaves the text of several failed addresses empty. */
function textOf(error: Error & { readonly serverErrorMessage?: unknown; readonly code?: unknown }): string {
  const { serverErrorMessage, message, code } = error;
  if (typeof serverErrorMessage === 'string') return serverErrorMessage;
  return message === '' && typeof code === 'string' ? code : message;
}
