import { notSimulated, refuse } from './errors';
import type { Item } from './value';

/** The parameters of a request on items, or of a part of one. `checkParameters` refuses those that its kind lacks. */
export interface Request {
  readonly TableName?: string;
  readonly Key?: Item;
  readonly Item?: Item;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Item;
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly ReturnValues?: string;
  readonly ReturnValuesOnConditionCheckFailure?: string;
  readonly ProjectionExpression?: string;
  readonly FilterExpression?: string;
  readonly KeyConditionExpression?: string;
  readonly ScanIndexForward?: boolean;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: Item;
  readonly Select?: string;
}
export type ExpressionName = Extract<keyof Request, `${string}Expression`>;

const ITEM = ['TableName', 'Item'];
const KEY = ['TableName', 'Key'];
const CONDITION = ['ExpressionAttributeNames', 'ExpressionAttributeValues', 'ReturnValuesOnConditionCheckFailure'];
const CONDITIONAL = [...CONDITION, 'ConditionExpression'];
const READ = ['ExpressionAttributeNames', 'ProjectionExpression', 'ConsistentRead'];
const PAGED = [...READ, 'ExpressionAttributeValues', 'FilterExpression', 'Limit', 'ExclusiveStartKey', 'Select'];

/**
 * The required and the optional parameters of each kind of request. Any other parameter is refused as not simulated:
 * ignoring it would give a wrong result.
 */
const PARAMETERS = {
  Put: [ITEM, CONDITIONAL],
  Update: [KEY, [...CONDITIONAL, 'UpdateExpression']],
  Delete: [KEY, CONDITIONAL],
  ConditionCheck: [[...KEY, 'ConditionExpression'], CONDITION],
  Get: [KEY, READ],
  PutItem: [ITEM, [...CONDITIONAL, 'ReturnValues']],
  UpdateItem: [KEY, [...CONDITIONAL, 'UpdateExpression', 'ReturnValues']],
  DeleteItem: [KEY, [...CONDITIONAL, 'ReturnValues']],
  GetItem: [KEY, READ],
  Query: [['TableName'], [...PAGED, 'KeyConditionExpression', 'ScanIndexForward']],
  Scan: [['TableName'], PAGED],
  KeysAndAttributes: [['Keys'], READ],
  PutRequest: [['Item'], []],
  DeleteRequest: [['Key'], []],
  TransactWriteItems: [['TransactItems'], ['ClientRequestToken']],
  TransactGetItems: [['TransactItems'], []],
  BatchGetItem: [['RequestItems'], []],
  BatchWriteItem: [['RequestItems'], []],
} satisfies Readonly<Record<string, readonly [required: readonly string[], optional: readonly string[]]>>;
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
  const isKnown = (name: string): boolean =>
    [required, optional, IGNORED].some((names: readonly string[]) => names.includes(name));
  const given = Object.entries(request).filter(([, value]) => value !== undefined && value !== null);
  const missing = required.find((name) => !given.some(([each]) => each === name));
  if (missing !== undefined) {
    refuse(
      `1 validation error detected: Value null at '${missing}' failed to satisfy constraint: Member must not be null`,
    );
  }
  for (const [name, value] of given) {
    const valid = VALID_VALUES[name];
    if (valid?.some((each) => each === value) === false) {
      refuse(
        `1 validation error detected: Value '${String(value)}' at '${name}' failed to satisfy constraint: Member must satisfy enum value set: [${valid.join(', ')}]`,
      );
    }
  }
  const [unknown] = given.find(([name]) => !isKnown(name)) ?? [];
  if (unknown === undefined) return;
  const instead =
    unknown === 'IndexName'
      ? 'Test what reads an index against DynamoDB Local.'
      : `It takes ${[...required, ...optional].join(', ')}; test the rest against DynamoDB Local.`;
  notSimulated(`${kind} with ${unknown}`, instead);
}

export function checkCount(parameter: string, count: number, max: number): void {
  if (count >= 1 && count <= max) return;
  refuse(
    `1 validation error detected: Value at '${parameter}' failed to satisfy constraint: Member must have length between 1 and ${max}; it has ${count}`,
  );
}
