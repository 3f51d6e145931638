import { GenerationalCache } from '../../event/generational-cache';
import { Attributes } from './attributes';
import { readCondition, type Condition } from './condition';
import { checkApart, readPath } from './operand';
import type { Path } from './path';
import type { ExpressionName, Request } from './request';
import type { Table } from './table';
import { Tokens } from './tokens';
import { readUpdate, type UpdateAction } from './update';

export interface Expressions {
  readonly condition?: Condition;
  readonly keyCondition?: Condition;
  readonly filter?: Condition;
  readonly update?: readonly UpdateAction[];
  readonly projection?: readonly Path[];
}

/** The parsed conditions that are a request's only expression and have no placeholders. */
const plainConditions = new GenerationalCache<Expressions>(500);

/** Parses all expressions of a request. Refuses placeholders that none of them uses. */
export function readExpressions(table: Table, request: Request): Expressions {
  if (!isPlain(request)) return parseExpressions(table, request);
  // A condition may use a key attribute in another way than other attributes.
  const name = `${table.keyNames.join()} ${request.ConditionExpression ?? ''}`;
  const known = plainConditions.get(name);
  if (known !== undefined) return known;
  const parsed = parseExpressions(table, request);
  plainConditions.set(name, parsed);
  return parsed;
}

/** Writers repeat few conditions of this kind. */
const isPlain = (request: Request): boolean =>
  request.ConditionExpression !== undefined &&
  request.ExpressionAttributeNames === undefined &&
  request.ExpressionAttributeValues === undefined &&
  request.UpdateExpression === undefined;

function parseExpressions(table: Table, request: Request): Expressions {
  const attributes = new Attributes(request, table.keyNames);
  const read = <T>(name: ExpressionName, parse: (tokens: Tokens) => T): T | undefined => {
    const text = request[name];
    if (text === undefined) return undefined;
    const tokens = new Tokens(name, text, attributes);
    const parsed = parse(tokens);
    tokens.end();
    return parsed;
  };
  const expressions = {
    condition: read('ConditionExpression', readCondition),
    keyCondition: read('KeyConditionExpression', readCondition),
    filter: read('FilterExpression', readCondition),
    update: read('UpdateExpression', readUpdate),
    projection: read('ProjectionExpression', readProjection),
  };
  attributes.refuseUnused();
  return expressions;
}

function readProjection(tokens: Tokens): readonly Path[] {
  const paths = tokens.list(() => readPath(tokens));
  checkApart(tokens, paths);
  return paths;
}
