/**
 * An action of `TransactItems` in the form of `@aws-sdk/lib-dynamodb`, declared here so that neither this package nor
 * its types need the SDK. Exactly one of the four is set.
 */
export interface TransactionAction {
  readonly Put?: PutAction | undefined;
  readonly Update?: UpdateAction | undefined;
  readonly Delete?: KeyedAction | undefined;
  readonly ConditionCheck?: ConditionCheckAction | undefined;
}

/** Properties of every action: its table and its condition. */
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

/** An action that names its item by the key. */
export interface KeyedAction extends ActionCondition {
  readonly Key: Record<string, unknown> | undefined;
}

/** Changes attributes of an item. */
export interface UpdateAction extends KeyedAction {
  readonly UpdateExpression: string | undefined;
}

/** Writes nothing, and cancels the transaction if its condition fails. */
export interface ConditionCheckAction extends KeyedAction {
  readonly ConditionExpression: string | undefined;
}

/** The action that writes one outbox item. */
export interface OutboxAction {
  readonly Put: {
    readonly TableName: string;
    readonly Item: Record<string, unknown>;
    readonly ConditionExpression: string;
    readonly ReturnValuesOnConditionCheckFailure: 'ALL_OLD';
  };
}

/** Options of an AWS SDK call, next to its input. */
export interface CallOptions {
  /** Aborts the request. */
  readonly abortSignal?: AbortSignal;
}

/** The part of `DynamoDBDocument` that {@link Outbox.transact} calls. */
export interface TransactionClient {
  /** Commits all actions or none. */
  transactWrite(
    input: { TransactItems: TransactionAction[]; ClientRequestToken?: string },
    options?: CallOptions,
  ): Promise<unknown>;
}
