import { notSimulated } from './not-simulated';
import { refuse } from './service-error';
import type { Item, Value } from './value';

/** Parameters that every request on items may have. */
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

/** Parameters of Query and Scan. */
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

const CONDITION = ['ExpressionAttributeNames', 'ExpressionAttributeValues', 'ReturnValuesOnConditionCheckFailure'];
const CONDITIONAL = [...CONDITION, 'ConditionExpression'];
const READ = ['ExpressionAttributeNames', 'ProjectionExpression', 'ConsistentRead'];
const PAGED = [...READ, 'ExpressionAttributeValues', 'FilterExpression', 'Limit', 'ExclusiveStartKey', 'Select'];

/**
 * The required and the optional parameters of each kind of request. Any other parameter is refused as not simulated:
 * ignoring it would give a wrong result.
 */
const PARAMETERS = {
  Put: [['TableName', 'Item'], CONDITIONAL],
  Update: [
    ['TableName', 'Key'],
    [...CONDITIONAL, 'UpdateExpression'],
  ],
  Delete: [['TableName', 'Key'], CONDITIONAL],
  ConditionCheck: [['TableName', 'Key', 'ConditionExpression'], CONDITION],
  Get: [['TableName', 'Key'], READ],
  PutItem: [
    ['TableName', 'Item'],
    [...CONDITIONAL, 'ReturnValues'],
  ],
  UpdateItem: [
    ['TableName', 'Key'],
    [...CONDITIONAL, 'UpdateExpression', 'ReturnValues'],
  ],
  DeleteItem: [
    ['TableName', 'Key'],
    [...CONDITIONAL, 'ReturnValues'],
  ],
  GetItem: [['TableName', 'Key'], READ],
  Query: [['TableName'], [...PAGED, 'KeyConditionExpression', 'ScanIndexForward']],
  Scan: [['TableName'], PAGED],
  KeysAndAttributes: [['Keys'], READ],
  PutRequest: [['Item'], []],
  DeleteRequest: [['Key'], []],
  TransactWriteItems: [['TransactItems'], ['ClientRequestToken']],
  TransactGetItems: [['TransactItems'], []],
  BatchGetItem: [['RequestItems'], []],
  BatchWriteItem: [['RequestItems'], []],
} as const satisfies Readonly<Record<string, readonly [required: readonly string[], optional: readonly string[]]>>;
export type RequestKind = keyof typeof PARAMETERS;

/** These request figures that tables in memory do not have; the response omits them. */
const IGNORED: readonly string[] = ['ReturnConsumedCapacity', 'ReturnItemCollectionMetrics'];

/** Allowed values: API reference of each request, "Valid Values". */
const VALID_VALUES: Readonly<Record<string, readonly string[]>> = {
  ReturnValues: ['NONE', 'ALL_OLD', 'UPDATED_OLD', 'ALL_NEW', 'UPDATED_NEW'],
  ReturnValuesOnConditionCheckFailure: ['ALL_OLD', 'NONE'],
  ReturnConsumedCapacity: ['INDEXES', 'TOTAL', 'NONE'],
  ReturnItemCollectionMetrics: ['SIZE', 'NONE'],
  Select: ['ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES', 'SPECIFIC_ATTRIBUTES', 'COUNT'],
};

export function checkParameters(kind: RequestKind, request: object): void {
  const [required, optional] = PARAMETERS[kind];
  const known: readonly string[] = [...required, ...optional, ...IGNORED];
  const said = new Map(Object.entries(request).filter(([, value]) => value !== undefined && value !== null));
  const missing = required.find((name) => !said.has(name));
  if (missing !== undefined) {
    refuse(
      `1 validation error detected: Value null at '${missing}' failed to satisfy constraint: Member must not be null`,
    );
  }
  for (const [name, value] of said) {
    const valid = VALID_VALUES[name];
    if (valid?.some((each) => each === value) === false) {
      refuse(
        `1 validation error detected: Value '${String(value)}' at '${name}' failed to satisfy constraint: Member must satisfy enum value set: [${valid.join(', ')}]`,
      );
    }
  }
  const unknown = [...said.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const instead =
    unknown === 'IndexName'
      ? 'Test what reads an index against DynamoDB Local.'
      : `It takes ${[...required, ...optional].join(', ')}; test the rest against DynamoDB Local.`;
  notSimulated(`${kind} with ${unknown}`, instead);
}

/** Refuses an empty list, and one with more than `max` members. */
export function checkCount(parameter: string, count: number, max: number): void {
  if (count >= 1 && count <= max) return;
  refuse(
    `1 validation error detected: Value at '${parameter}' failed to satisfy constraint: Member must have length between 1 and ${max}; it has ${count}`,
  );
}
