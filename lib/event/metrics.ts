/** CloudWatch namespace and first dimension of everything the outbox emits. */
export const METRICS_NAMESPACE = 'DynamoDBOutbox';
export const OUTBOX_DIMENSION = 'Outbox';
/** Value of the dimension `service`, which Powertools adds to every metric, and of the key in every log line. */
export const RELAY_SERVICE = 'outbox-relay';

/** Names that the relay emits and that dashboards and alarms read. */
export const RELAY_METRICS = {
  publishedEvents: 'PublishedEvents',
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
