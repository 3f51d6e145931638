/** A line of JSON on the standard input of the process that runs the function. The next line is the event's JSON. */
export interface Invoke {
  /** Epoch milliseconds at which the function times out. */
  readonly deadlineMs: number;
  readonly requestId: string;
}

/** A message of that process to the invoker. */
export type Answer =
  /** The module is loaded; `initMs` since the process started. */
  | { readonly kind: 'ready'; readonly initMs: number }
  | { readonly kind: 'init-error'; readonly message: string }
  | { readonly kind: 'answered'; readonly requestId: string; readonly response: unknown }
  | { readonly kind: 'error'; readonly requestId: string; readonly message: string };
