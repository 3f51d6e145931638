import type { ConsumerTelemetry } from './ports';

const nothing = (): void => undefined;

/** Reports nothing. */
export const SILENT: ConsumerTelemetry = {
  applied: nothing,
  duplicateIgnored: nothing,
  replayIgnored: nothing,
  unknownTypeSkipped: nothing,
  late: nothing,
  gap: nothing,
  lostIdentity: nothing,
  keyDelayed: nothing,
  attemptFailed: nothing,
  deadLettered: nothing,
  deadLetterFailed: nothing,
  parked: nothing,
  released: nothing,
  requestCompleted: nothing,
  requestFailed: nothing,
  outage: nothing,
  outageOver: nothing,
  commitFailed: nothing,
  readFailed: nothing,
  messagesGone: nothing,
  topicsMissing: nothing,
  rebalanced: nothing,
  flush: nothing,
};
