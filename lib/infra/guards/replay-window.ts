import type { Duration } from 'aws-cdk-lib';
import { invalidOption } from '../invalid-option';

/** @throws OutboxError `invalid-option` if items expire before the replay window ends. */
export function checkReplayWindow(retention: Duration, replayWindow: Duration | undefined): void {
  if (replayWindow === undefined || retention.toSeconds() >= replayWindow.toSeconds()) return;
  throw invalidOption(
    'retention',
    retention.toString(),
    `at least the replayWindow of ${replayWindow.toString()}`,
    'A replay publishes processed items, and DynamoDB deletes them after the retention. Raise it, or lower replayWindow.',
  );
}
