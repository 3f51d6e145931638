import { forEachOf } from '../timing/for-each';

/** Number of keys that are read and drained at once. Their DynamoDB calls overlap, their publishing takes turns. */
const KEYS_AT_ONCE = 16;

/** Runs `work` for each key, several at once. Rejects if one run rejects, after the other runs have ended. */
export const forEachKey = <T>(keys: readonly T[], work: (key: T) => Promise<void>): Promise<void> =>
  forEachOf(keys, KEYS_AT_ONCE, work);
