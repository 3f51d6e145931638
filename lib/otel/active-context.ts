import { AsyncLocalStorage } from 'node:async_hooks';
import { context, type Context } from '@opentelemetry/api';

/**
 * Makes a context of OpenTelemetry the active one, as a store of a diagnostics channel: `bindStore` runs the traced work
 * in `run` of the store. The context manager of the SDK holds the context, and not this store.
 */
export class ActiveContext extends AsyncLocalStorage<Context> {
  override run<Result, Args extends unknown[]>(
    active: Context,
    callback: (...args: Args) => Result,
    ...args: Args
  ): Result {
    return context.with(active, callback, undefined, ...args);
  }
}
