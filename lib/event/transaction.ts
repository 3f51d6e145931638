/**
 * An entry of `TransactItems` as `@aws-sdk/lib-dynamodb` takes it, described here so that neither this package nor its
 * types need the SDK. Exactly one of the four is set.
 */
export interface TransactionAction {
  readonly Put?: PutAction | undefined;
  readonly Update?: UpdateAction | undefined;
  readonly Delete?: KeyedAction | undefined;
  readonly ConditionCheck?: ConditionCheckAction | undefined;
}

/** What every entry of a transaction has: its table and its condition. */
export interface ActionCondition {
  readonly TableName: string | undefined;
  readonly ConditionExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Record<string, unknown> | undefined;
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD' | 'NONE' | undefined;
}

/** Writes a whole item. */
export interface PutAction extends ActionCondition {
  readonly Item: Record<string, unknown> | undefined;
}

/** An entry that names its item by the key. */
export interface KeyedAction extends ActionCondition {
  readonly Key: Record<string, unknown> | undefined;
}

/** Changes attributes of an item. */
export interface UpdateAction extends KeyedAction {
  readonly UpdateExpression: string | undefined;
}

/** Writes nothing, and cancels the transaction unless its condition holds. */
export interface ConditionCheckAction extends KeyedAction {
  readonly ConditionExpression: string | undefined;
}

/** The entry that writes one outbox item. */
export interface OutboxEntry {
  readonly Put: {
    readonly TableName: string;
    readonly Item: Record<string, unknown>;
    readonly ConditionExpression: string;
    readonly ReturnValuesOnConditionCheckFailure: 'ALL_OLD';
  };
}

/** What a call of the AWS SDK takes next to its input. */
export interface CallOptions {
  /** Ends the request. */
  readonly abortSignal?: AbortSignal;
}

/** The part of `DynamoDBDocument` that {@link Outbox.transact} calls. */
export interface TransactionClient {
  /** Commits all entries or none. */
  transactWrite(
    input: { TransactItems: TransactionAction[]; ClientRequestToken?: string },
    options?: CallOptions,
  ): Promise<unknown>;
}
