/** The schema of an outbox table: the construct creates it, and `doctor` compares a deployed table with it. */
export const TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  /** Set on processed and discarded items, never on a pending item. */
  timeToLiveAttribute: 'expiresAt',
  /**
   * Never populated. With a local secondary index DynamoDB does not split an item collection, so that all items of a
   * key stay in one partition and their stream records in one shard. It can only be created with the table.
   */
  pin: { indexName: 'pin', attribute: 'pin', projection: 'KEYS_ONLY' },
  streamViewType: 'NEW_IMAGE',
} as const;

export const INBOX_TABLE = { partitionKey: 'pk', sortKey: 'sk', timeToLiveAttribute: 'expiresAt' } as const;
