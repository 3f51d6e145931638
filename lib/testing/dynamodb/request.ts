import { notSimulated } from './not-simulated';
import type { Item, Value } from './value';

/** What every request on items may say of them. */
export interface ExpressionParameters {
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Readonly<Record<string, Value>>;
}

export interface Conditional extends ExpressionParameters {
  readonly TableName?: string;
  readonly ConditionExpression?: string;
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD' | 'NONE';
}

export interface PutRequest extends Conditional {
  readonly Item: Item;
  readonly ReturnValues?: string;
}

export interface KeyRequest extends Conditional {
  readonly Key: Item;
  readonly ReturnValues?: string;
}

export interface UpdateRequest extends KeyRequest {
  readonly UpdateExpression?: string;
}

export interface ReadRequest extends ExpressionParameters {
  readonly TableName?: string;
  readonly ProjectionExpression?: string;
}

export interface GetRequest extends ReadRequest {
  readonly Key: Item;
}

/** Of Query and Scan. */
export interface PagedRequest extends ReadRequest {
  readonly FilterExpression?: string;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: Item;
  readonly Select?: string;
}

export interface QueryRequest extends PagedRequest {
  readonly KeyConditionExpression?: string;
  readonly ScanIndexForward?: boolean;
}

const ITEM = ['TableName', 'ExpressionAttributeNames', 'ExpressionAttributeValues'];
const CONDITIONAL = [...ITEM, 'ConditionExpression', 'ReturnValuesOnConditionCheckFailure'];
const READ = ['TableName', 'ExpressionAttributeNames', 'ProjectionExpression', 'ConsistentRead'];
const PAGED = [...READ, 'ExpressionAttributeValues', 'FilterExpression', 'Limit', 'ExclusiveStartKey', 'Select'];

/** What each kind of request may say. Whatever else it says would be ignored, so it is refused. */
const PARAMETERS = {
  Put: [...CONDITIONAL, 'Item'],
  Update: [...CONDITIONAL, 'Key', 'UpdateExpression'],
  Delete: [...CONDITIONAL, 'Key'],
  ConditionCheck: [...CONDITIONAL, 'Key'],
  Get: [...READ, 'Key'],
  PutItem: [...CONDITIONAL, 'Item', 'ReturnValues'],
  UpdateItem: [...CONDITIONAL, 'Key', 'UpdateExpression', 'ReturnValues'],
  DeleteItem: [...CONDITIONAL, 'Key', 'ReturnValues'],
  GetItem: [...READ, 'Key'],
  Query: [...PAGED, 'KeyConditionExpression', 'ScanIndexForward'],
  Scan: PAGED,
  KeysAndAttributes: ['Keys', 'ExpressionAttributeNames', 'ProjectionExpression', 'ConsistentRead'],
  TransactWriteItems: ['TransactItems', 'ClientRequestToken'],
  TransactGetItems: ['TransactItems'],
  BatchGetItem: ['RequestItems'],
  BatchWriteItem: ['RequestItems'],
} as const;

/** Asks for figures that tables in memory do not have; the answer leaves them out. */
const IGNORED: readonly string[] = ['ReturnConsumedCapacity', 'ReturnItemCollectionMetrics'];

export function checkParameters(kind: keyof typeof PARAMETERS, request: object): void {
  const known: readonly string[] = PARAMETERS[kind];
  const unknown = Object.keys(request).find((name) => !known.includes(name) && !IGNORED.includes(name));
  if (unknown === undefined) return;
  const instead =
    unknown === 'IndexName'
      ? 'Test what reads an index against DynamoDB Local.'
      : `It takes ${known.join(', ')}; test the rest against DynamoDB Local.`;
  notSimulated(`${kind} with ${unknown}`, instead);
}
