export type DemoErrorCode =
  /** An option is unknown or has a value that is not allowed. */
  | 'invalid-option'
  /** An instance of the order service ended or failed in a way that its rules do not provide for. */
  | 'writer-failed'
  /** The consumer gave up. */
  | 'consumer-failed';

export class DemoError extends Error {
  override readonly name = 'DemoError';
  readonly code: DemoErrorCode;

  constructor(code: DemoErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
