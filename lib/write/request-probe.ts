import { AsyncLocalStorage } from 'node:async_hooks';
import { field, isInconclusive } from '../dynamodb/sdk-error';

/** The requests that a call of the AWS SDK sent, as far as its client could be observed. */
export interface RequestProbe {
  /** The call began in our middleware, so the client cannot send a request unobserved. */
  readonly isObserved: boolean;
  /** A request was handed to the HTTP client. */
  readonly wasSent: boolean;
  /** An attempt before the last one got no response, or one that leaves the outcome unknown. */
  readonly hasLostAttempt: boolean;
}

interface Observed {
  isObserved: boolean;
  attempts: number;
  /** Attempts whose outcome is not known, by their number from 1. */
  lost: number[];
}

type Handler = (args: unknown) => Promise<unknown>;
type Middleware = (next: Handler) => Handler;

/** The part of the SDK's middleware stack that is used here. It is documented, and tracers use it too. */
interface MiddlewareStack {
  add(middleware: Middleware, options: Readonly<Record<string, unknown>>): void;
}

const calls = new AsyncLocalStorage<Observed>();
const observedStacks = new WeakSet<object>();

/** Outermost: the SDK runs it before it does anything else. */
const begin: Middleware = (next) => (args) => {
  const call = calls.getStore();
  if (call !== undefined) call.isObserved = true;
  return next(args);
};

/** Innermost: the next handler is the HTTP client. Runs for each attempt. */
const send: Middleware = (next) => async (args) => {
  const call = calls.getStore();
  if (call === undefined) return next(args);
  call.attempts += 1;
  const attempt = call.attempts;
  let isKnown = false;
  try {
    const result = await next(args);
    const status = field(field(result, 'response'), 'statusCode');
    isKnown = typeof status === 'number' && !isInconclusive(status);
    return result;
  } finally {
    if (!isKnown) call.lost.push(attempt);
  }
};

/**
 * Runs `call`. If it fails, `onFailure` learns which requests it sent. An error alone often does not show whether the
 * transaction can be written: a client without credentials, for example, fails before it sends.
 *
 * Adds two middlewares to the client, once. Without a middleware stack, as in a test double, nothing is observed.
 */
export async function observing<T>(
  client: object,
  call: () => Promise<T>,
  onFailure: (error: unknown, probe: RequestProbe) => T,
): Promise<T> {
  const observed: Observed = { isObserved: false, attempts: 0, lost: [] };
  try {
    return await (observe(client) ? calls.run(observed, call) : call());
  } catch (error) {
    const { isObserved, attempts, lost } = observed;
    const probe = { isObserved, wasSent: attempts > 0, hasLostAttempt: lost.some((attempt) => attempt < attempts) };
    return onFailure(error, probe);
  }
}

function observe(client: object): boolean {
  const stack = field(client, 'middlewareStack');
  if (typeof stack !== 'object' || stack === null || typeof field(stack, 'add') !== 'function') return false;
  if (observedStacks.has(stack)) return true;
  try {
    const middlewares = stack as MiddlewareStack;
    // `override`: two copies of this package replace each other's middlewares. The first copy then observes nothing.
    const options = (name: string) => ({ name: `dynamodb-outbox-${name}`, override: true });
    middlewares.add(send, { ...options('send'), step: 'deserialize', priority: 'low' });
    middlewares.add(begin, { ...options('begin'), step: 'initialize', priority: 'high' });
    observedStacks.add(stack);
    return true;
  } catch {
    return false;
  }
}
