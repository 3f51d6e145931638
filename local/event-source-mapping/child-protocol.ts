/** The message of the invoker to the process that runs the function. */
export interface Invoke {
  readonly kind: 'invoke';
  readonly event: unknown;
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
