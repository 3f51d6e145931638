/** What an outbox table is made with: the construct makes it so, and `doctor` compares a deployed one with it. */
export const TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  /** Set on what is processed or discarded, never on a pending item. */
  timeToLiveAttribute: 'expiresAt',
  /**
   * Never populated. With a local secondary index DynamoDB does not split an item collection, so that all items of a key
   * stay in one partition and their stream records in one shard. It can only be created with the table.
   */
  pin: { indexName: 'pin', attribute: 'pin', projection: 'KEYS_ONLY' },
  streamViewType: 'NEW_IMAGE',
} as const;

/** What the table of a consumer's inbox is made with. */
export const INBOX_TABLE = { partitionKey: 'pk', sortKey: 'sk', timeToLiveAttribute: 'expiresAt' } as const;
