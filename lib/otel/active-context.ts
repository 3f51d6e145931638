import { AsyncLocalStorage } from 'node:async_hooks';
import { context, ROOT_CONTEXT, type Context } from '@opentelemetry/api';

/** The active context; the root if the context manager of the SDK throws. */
export function activeContext(): Context {
  try {
    return context.active();
  } catch {
    return ROOT_CONTEXT;
  }
}

/**
 * Makes a context of OpenTelemetry the active one, as a store of a diagnostics channel: `bindStore` runs the traced work
 * in `run` of the store. The context manager of the SDK holds the context, and not this store.
 */
export class ActiveContext extends AsyncLocalStorage<Context> {
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure - gets the errors of the context manager */
  constructor(onFailure: (error: unknown) => void) {
    super();
    this.#onFailure = onFailure;
  }

  /** Runs the callback once and returns its result, whatever the context manager does: the callback is the write. */
  override run<Result, Args extends unknown[]>(
    active: Context,
    callback: (...args: Args) => Result,
    ...args: Args
  ): Result {
    let outcome: Outcome<Result> | undefined;
    const runOnce = (): void => {
      outcome ??= outcomeOf(() => callback(...args));
    };
    try {
      context.with(active, runOnce);
    } catch (error) {
      this.#onFailure(error);
    }
    runOnce();
    return resultOf(outcome);
  }
}

type Outcome<Result> = { readonly result: Result } | { readonly thrown: unknown };

function outcomeOf<Result>(work: () => Result): Outcome<Result> {
  try {
    return { result: work() };
  } catch (thrown) {
    return { thrown };
  }
}

function resultOf<Result>(outcome: Outcome<Result> | undefined): Result {
  if (outcome === undefined) throw new Error('The callback was not run.');
  if ('thrown' in outcome) throw outcome.thrown;
  return outcome.result;
}
