import { deadlineIn, type Deadline } from '../../timing/within-time';

/** DynamoDB did not complete some work within the time that the invocation had for it. */
export class TimeLimitExceeded extends Error {
  override readonly name = 'TimeLimitExceeded';
}

/** One time limit for several calls to DynamoDB. */
export const timeLimit = (ms: number): Deadline =>
  deadlineIn(ms, () => new TimeLimitExceeded(`DynamoDB did not complete the work within ${ms} ms.`));
