/** CloudWatch namespace and first dimension of all metrics of the outbox. */
export const METRICS_NAMESPACE = 'DynamoDBOutbox';
export const OUTBOX_DIMENSION = 'Outbox';
/** Value of the dimension `service`, which Powertools adds to every metric, and of the same key in every log line. */
export const RELAY_SERVICE = 'outbox-relay';
export const SWEEPER_SERVICE = 'outbox-sweeper';

/** Metrics of the relay, which dashboards and alarms read. */
export const RELAY_METRICS = {
  publishedEvents: 'PublishedEvents',
  /** Published events that took longer than the objective allows, from `committedAt` to the acknowledgement. */
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
  /** Keys whose records are delivered again because a call for them alone failed. */
  keyFailures: 'KeyFailures',
  breakerOpen: 'BreakerOpen',
  unprocessableSignals: 'UnprocessableSignals',
  /** Keys, or redelivered records, that were looked up in the table before they were published. */
  lookBacks: 'LookBacks',
  drains: 'Drains',
  drainsPostponed: 'DrainsPostponed',
  discardedItems: 'DiscardedItems',
  replayedItems: 'ReplayedItems',
  suspectStarts: 'SuspectStarts',
  predecessorWaits: 'PredecessorWaits',
  streamChanges: 'StreamChanges',
} as const;

/** Metrics of the sweeper, emitted once per run. */
export const SWEEPER_METRICS = {
  scannedItems: 'ScannedItems',
  /** Not yet acknowledged, and behind no hold. */
  pendingItems: 'PendingItems',
  /** Milliseconds since the oldest pending item was committed; 0 if there is none. */
  oldestPendingAge: 'OldestPendingAge',
  /** Items behind the hold of their key. */
  waitingItems: 'WaitingItems',
  parkedItems: 'ItemsParked',
  /** Held keys, without those that wait for a partition. */
  heldKeys: 'HeldKeys',
  /** Keys held for a partition that accepts no writes; reported once a minute while there are any. */
  keysHeldForPartitions: 'KeysHeldForPartitions',
  /** Milliseconds since the key that is held longest was first held; 0 if none is. */
  oldestHoldAge: 'OldestHoldAge',
  signalsSent: 'SignalsSent',
  signalsReplaced: 'SignalsReplaced',
  /** Signals in the table that neither relay nor sweeper acts on. */
  unprocessableSignalsLeft: 'UnprocessableSignalsLeft',
  /** 1 while a stream gap is suspected. */
  streamGapSuspected: 'StreamGapSuspected',
  readUnits: 'SweepReadUnits',
  duration: 'SweepDuration',
  /** 1 if the whole table was seen, 0 if the pass is unfinished. */
  complete: 'SweepComplete',
  failures: 'SweepFailures',
} as const;

export const CONSUMER_METRICS = {
  appliedEvents: 'AppliedEvents',
  /** Milliseconds from the event's commit to its effect. */
  commitToApplyLatency: 'CommitToApplyLatency',
  duplicatesIgnored: 'DuplicatesIgnored',
  /** Duplicates that only their position proves: they precede the newest 16 events of their key. */
  duplicatesBelowWindow: 'DuplicatesBelowWindow',
  replaysIgnored: 'ReplaysIgnored',
  unknownTypesSkipped: 'UnknownTypesSkipped',
  lateEvents: 'LateEvents',
  /** Events that precede the newest 16 of their key and may be no duplicates. */
  lostIdentities: 'LostIdentities',
  gaps: 'Gaps',
  /** Events that are missing on one topic and may have gone to another. */
  possibleGaps: 'PossibleGaps',
  failedAttempts: 'FailedAttempts',
  deadLetters: 'DeadLetters',
  deadLetterFailures: 'DeadLetterFailures',
  parkedEvents: 'ParkedEvents',
  releasedKeys: 'ReleasedKeys',
  /** Requests of operators that were completed. */
  answeredRequests: 'AnsweredRequests',
  requestFailures: 'RequestFailures',
  outages: 'ConsumerOutages',
  commitFailures: 'OffsetCommitFailures',
  /** Messages that Kafka deleted before the consumer read them; 1 if their number is unknown. */
  messagesGone: 'MessagesGone',
  missingTopics: 'MissingTopics',
  rebalances: 'Rebalances',
} as const;
