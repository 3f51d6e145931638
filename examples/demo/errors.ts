export type DemoErrorCode =
  /** An option is unknown or has a value that is not allowed. */
  | 'invalid-option'
  /** An instance of the order service ended, or failed for another reason than a rule of the service. */
  | 'writer-failed'
  /** The consumer crashed and does not restart. */
  | 'consumer-failed';

export class DemoError extends Error {
  override readonly name = 'DemoError';
  readonly code: DemoErrorCode;

  constructor(code: DemoErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
