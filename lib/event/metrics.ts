/** CloudWatch namespace and first dimension of everything the outbox emits. */
export const METRICS_NAMESPACE = 'DynamoDBOutbox';
export const OUTBOX_DIMENSION = 'Outbox';
/** Value of the dimension `service`, which Powertools adds to every metric, and of the key in every log line. */
export const RELAY_SERVICE = 'outbox-relay';
export const SWEEPER_SERVICE = 'outbox-sweeper';

/** Names that the relay emits and that dashboards and alarms read. */
export const RELAY_METRICS = {
  publishedEvents: 'PublishedEvents',
  /** Of these, the ones that took longer than the objective allows, from `committedAt` to the acknowledgement. */
  lateEvents: 'LateEvents',
  publishedBytes: 'PublishedBytes',
  /** Milliseconds from `committedAt` to the broker's acknowledgement. */
  commitToAckLatency: 'CommitToAckLatency',
  batchSize: 'BatchSize',
  parkedItems: 'ParkedItems',
  heldItems: 'HeldItems',
  duplicatesSkipped: 'DuplicatesSkipped',
  markFailures: 'MarkFailures',
  producerRebuilds: 'ProducerRebuilds',
  outages: 'Outages',
  /** Keys whose records are delivered again, because a call for them alone failed. */
  keyFailures: 'KeyFailures',
  breakerOpen: 'BreakerOpen',
  signalsSetAside: 'SignalsSetAside',
  /** Keys that were looked up in the table before their record was published. */
  lookBacks: 'LookBacks',
  drains: 'Drains',
  drainsPostponed: 'DrainsPostponed',
  discardedItems: 'DiscardedItems',
  replayedItems: 'ReplayedItems',
  suspectStarts: 'SuspectStarts',
  predecessorWaits: 'PredecessorWaits',
  streamChanges: 'StreamChanges',
} as const;

/** Names that the sweeper emits, once a run. */
export const SWEEPER_METRICS = {
  scannedItems: 'ScannedItems',
  /** Not yet acknowledged, and behind no hold. */
  pendingItems: 'PendingItems',
  /** Milliseconds since the oldest of them was committed; 0 when there is none. */
  oldestPendingAge: 'OldestPendingAge',
  /** Behind the hold of their key. */
  waitingItems: 'WaitingItems',
  parkedItems: 'ItemsParked',
  /** Held for an operator. */
  heldKeys: 'HeldKeys',
  /** Held for a partition that takes no writes, reported once a minute while there are any. */
  keysHeldForPartitions: 'KeysHeldForPartitions',
  /** Milliseconds since the key that is held longest was first held; 0 when none is. */
  oldestHoldAge: 'OldestHoldAge',
  signalsSent: 'SignalsSent',
  signalsReplaced: 'SignalsReplaced',
  /** Signals in the table that nobody will act on. */
  signalsLeftAside: 'SignalsLeftAside',
  /** 1 while the stream cannot be trusted to have shown everything. */
  doubt: 'Doubt',
  readUnits: 'SweepReadUnits',
  duration: 'SweepDuration',
  /** 1 when the whole table was seen, 0 when time was too short for it. */
  complete: 'SweepComplete',
  failures: 'SweepFailures',
} as const;

/** Names that a consumer emits. */
export const CONSUMER_METRICS = {
  appliedEvents: 'AppliedEvents',
  /** Milliseconds from the event's commit to its effect. */
  commitToApplyLatency: 'CommitToApplyLatency',
  duplicatesIgnored: 'DuplicatesIgnored',
  /** Duplicates by their place alone: before the newest 16 events of their key. */
  duplicatesBelowWindow: 'DuplicatesBelowWindow',
  replaysIgnored: 'ReplaysIgnored',
  unknownTypesSkipped: 'UnknownTypesSkipped',
  lateEvents: 'LateEvents',
  /** Events that are no duplicates although they lie before the newest 16 of their key. */
  lostIdentities: 'LostIdentities',
  gaps: 'Gaps',
  /** Events that are missing on one topic, and may have gone to another. */
  possibleGaps: 'PossibleGaps',
  failedAttempts: 'FailedAttempts',
  deadLetters: 'DeadLetters',
  deadLetterFailures: 'DeadLetterFailures',
  parkedEvents: 'ParkedEvents',
  releasedKeys: 'ReleasedKeys',
  /** Requests of operators that were done. */
  answeredRequests: 'AnsweredRequests',
  requestFailures: 'RequestFailures',
  outages: 'ConsumerOutages',
  commitFailures: 'OffsetCommitFailures',
  /** Messages that Kafka deleted before the consumer read them; 1 where their number is unknown. */
  messagesGone: 'MessagesGone',
  missingTopics: 'MissingTopics',
  rebalances: 'Rebalances',
} as const;
