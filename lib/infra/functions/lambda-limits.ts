import { Token } from 'aws-cdk-lib';
import { requireOption } from '../options/invalid-option';
import type { OptionRule } from '../../event/option-rules';
import { integer } from '../options/option-table';

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MEMORY_MB = { min: 128, max: 10_240 } as const;
const MAX_VARIABLES_LENGTH = 4_096;
const VARIABLE = /^[A-Za-z][A-Za-z0-9_]+$/;
/** Variables that Lambda sets itself and refuses to accept. */
const RESERVED =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_REGION|REGION|EXECUTION_ENV|LAMBDA_.*|ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR)$/;

/** Memory of a function. */
export const memorySize = (byDefault: number): OptionRule<number> =>
  integer({ ...MEMORY_MB, default: byDefault, advice: 'It is in MB, and that is what Lambda allows.' });

/** @throws OutboxError `invalid-option` for variables that Lambda refuses. */
export function checkVariables(variables: Readonly<Record<string, string>>): void {
  const refused = Object.keys(variables).find((name) => !VARIABLE.test(name) || RESERVED.test(name));
  requireOption(
    refused === undefined,
    'environment',
    refused,
    'names of at least two letters, digits or "_", the first a letter, that Lambda does not reserve',
    'Lambda sets the reserved ones itself.',
  );
  checkVariablesLength(variables, 'Keep longer values in a parameter of Systems Manager.');
}

/** @throws OutboxError `invalid-option` if the variables that are known at synthesis exceed Lambda's limit. */
export function checkVariablesLength(variables: Readonly<Record<string, string>>, advice: string): void {
  const length = Object.entries(variables)
    .filter((variable) => !variable.some((text) => Token.isUnresolved(text)))
    .reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  requireOption(
    length <= MAX_VARIABLES_LENGTH,
    'environment',
    `variables of ${length} bytes`,
    `at most ${MAX_VARIABLES_LENGTH} bytes together`,
    `That is the limit of Lambda. ${advice}`,
  );
}
