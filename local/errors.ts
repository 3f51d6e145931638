/** Why the local stack could not do what was asked. */
export type LocalStackErrorCode =
  /** Java or Maven is absent or too old. */
  | 'missing-tool'
  /** An option or environment variable is unknown or has a value that is not allowed. */
  | 'invalid-option'
  /** Maven, the bundler or the CDK app ended with an error; `message` ends with what it printed. */
  | 'command-failed'
  /** The program was told to end while it was still starting things. */
  | 'interrupted'
  /** A server did not answer in time, or ended while it started. */
  | 'not-ready'
  /** The synthesized template lacks something or says something that cannot be imitated locally. */
  | 'unsupported-template'
  /** A filter pattern that Lambda would refuse, or that can never match a DynamoDB record. */
  | 'unsupported-filter';

/** The one error class of the local stack; it is not part of the published package, so its codes are not either. */
export class LocalStackError extends Error {
  override readonly name = 'LocalStackError';
  readonly code: LocalStackErrorCode;

  constructor(code: LocalStackErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Refuses a misspelt option, which would be a silent default otherwise. */
export function refuseUnknownKeys(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new LocalStackError('invalid-option', `${what} has no option "${unknown}"; it has: ${known.join(', ')}.`);
  }
}
