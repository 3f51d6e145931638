/** The reasons for which the local stack fails. */
export type LocalStackErrorCode =
  /** Java or Maven is absent or too old. */
  | 'missing-tool'
  /** An option or environment variable is unknown or has a value that is not allowed. */
  | 'invalid-option'
  /** Maven, the bundler or the CDK app ended with an error; `message` ends with its output. */
  | 'command-failed'
  /** The program received a signal to end while it was still starting processes. */
  | 'interrupted'
  /** A server did not respond in time, or ended while it started. */
  | 'not-ready'
  /** The synthesized template lacks a required part, or has a setting that cannot be simulated locally. */
  | 'unsupported-template'
  /** Lambda refuses the filter pattern, no DynamoDB record can match it, or its operator is not simulated. */
  | 'unsupported-filter';

/** The error class of the local stack. It is not published, so its codes are no part of the API. */
export class LocalStackError extends Error {
  override readonly name = 'LocalStackError';
  readonly code: LocalStackErrorCode;

  constructor(code: LocalStackErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Refuses unknown options: a misspelt option would otherwise silently take its default. */
export function refuseUnknownKeys(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new LocalStackError('invalid-option', `${what} has no option "${unknown}"; it has: ${known.join(', ')}.`);
  }
}
