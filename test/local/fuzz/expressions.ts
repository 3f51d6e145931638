import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc, { type Arbitrary } from 'fast-check';
import { anyNumber, anyText, aValue } from './values';

/** A part of an expression: its text, or a value that gets a placeholder. */
type Piece = string | { readonly name: string } | { readonly value: AttributeValue };
type Pieces = readonly Piece[];

/** Joins texts and random parts in their order in the expression. */
const written = (texts: TemplateStringsArray, ...parts: readonly Arbitrary<Pieces>[]): Arbitrary<Pieces> =>
  fc.tuple(...parts).map((values) => texts.flatMap((text, at): Pieces => [text, ...(values[at] ?? [])]));

const text = (...texts: readonly string[]): Arbitrary<Pieces> => fc.constantFrom(...texts).map((each) => [each]);
const listOf = (part: Arbitrary<Pieces>, maxLength: number, separator = ', '): Arbitrary<Pieces> =>
  fc
    .array(part, { minLength: 1, maxLength })
    .map((parts) => parts.flatMap((each, at): Pieces => (at === 0 ? each : [separator, ...each])));
const weighted = (...parts: readonly (readonly [weight: number, part: Arbitrary<Pieces>])[]): Arbitrary<Pieces> =>
  fc.oneof(...parts.map(([weight, arbitrary]) => ({ weight, arbitrary })));

export const ATTRIBUTES = ['a', 'b', 'list', 'map', 'tags', 'marks'] as const;

const attribute = weighted(
  [10, text(...ATTRIBUTES.filter((name) => name !== 'list' && name !== 'map'))],
  [8, fc.constantFrom(...ATTRIBUTES, 'with.dot', 'ä', 'size').map((name): Pieces => [{ name }])],
  [1, text('id', 'pk', 'size', 'Remove', 'name', 'a b', '_a', '1')],
);
const step = weighted(
  [3, text('.x', '.y', '[0]', '[1]', '[5]')],
  [1, text('[00]', '[2147483648]', '.remove', '. x', '[ 1 ]')],
);
export const path = weighted(
  [3, attribute],
  [1, written`${attribute}${step}`],
  [1, written`${attribute}${step}${step}`],
);

const valued = (value: Arbitrary<AttributeValue>): Arbitrary<Pieces> => value.map((each): Pieces => [{ value: each }]);
const number = valued(fc.record({ N: anyNumber }));
const string = valued(fc.record({ S: anyText }));
const value = weighted([3, number], [3, string], [3, valued(aValue)], [1, text(':undefined', ':')]);
const grouped = (part: Arbitrary<Pieces>): Arbitrary<Pieces> =>
  weighted([16, part], [2, written`(${part})`], [1, written`((${part}))`]);

const operand = grouped(weighted([5, path], [4, value], [1, written`size(${path})`], [1, written`size(${value})`]));
const comparator = text('=', '<>', '<', '<=', '>', '>=', '==', '!=');
const typeName = valued(fc.constantFrom('S', 'N', 'L', 'M', 'SS', 'NULL', 'X').map((S) => ({ S })));

const predicate = weighted(
  [6, written`${operand} ${comparator} ${operand}`],
  [2, written`attribute_exists(${path})`],
  [2, written`attribute_not_exists(${path})`],
  [2, written`begins_with(${operand}, ${operand})`],
  [2, written`contains(${operand}, ${operand})`],
  [2, written`attribute_type(${operand}, ${weighted([3, typeName], [1, value])})`],
  [2, written`${operand} BETWEEN ${operand} AND ${operand}`],
  [2, written`${operand} IN (${listOf(operand, 4)})`],
  [1, text('', 'a', 'a =', 'exists(a)', 'attribute_exists(a, b)', 'size(a)', 'a IN ()', 'a = b c', 'NOT')],
);
const joined = (part: Arbitrary<Pieces>): Arbitrary<Pieces> =>
  weighted(
    [6, part],
    [2, written`${part} AND ${part}`],
    [2, written`${part} or ${part}`],
    [2, written`NOT ${part}`],
    [2, written`(${part})`],
  );
export const condition = joined(joined(predicate));

const defaulted = written`if_not_exists(${path}, ${weighted([2, value], [1, path])})`;
const term = grouped(weighted([4, path], [4, value], [2, number], [2, defaulted]));
const appended = written`list_append(${weighted([2, path], [1, term])}, ${weighted([2, valued(fc.constant({ L: [{ N: '1' }] }))], [1, term])})`;
const assigned = weighted(
  [4, term],
  [2, written`${term} + ${term}`],
  [1, written`${term} - ${term}`],
  [2, appended],
  [1, grouped(written`${term} + ${number}`)],
  [1, written`if_not_exists(${path}, ${weighted([1, appended], [1, defaulted])})`],
  [1, written`${appended} + ${term}`],
  [1, written`${term} + ${term} - ${term}`],
);
const member = weighted([3, number], [3, valued(fc.constantFrom({ SS: ['x', 'y'] }, { NS: ['1', '2'] }))], [1, value]);
const clause = weighted(
  [6, written`SET ${listOf(written`${path} = ${assigned}`, 3)}`],
  [2, written`REMOVE ${listOf(path, 3)}`],
  [2, written`add ${listOf(written`${path} ${member}`, 2)}`],
  [2, written`DELETE ${listOf(written`${path} ${member}`, 2)}`],
);
export const update = weighted([8, listOf(clause, 3, ' ')], [1, text('', 'SET', 'a = b', 'SET a = b,', 'PUT a')]);

export const projection = listOf(path, 3);

const partition = valued(fc.constantFrom({ S: 'p' }, { S: 'q' }));
const bound = weighted([8, number], [1, value], [1, path]);
const range = weighted(
  [6, written`sk ${comparator} ${bound}`],
  [2, written`${bound} ${comparator} sk`],
  [2, written`sk BETWEEN ${bound} AND ${bound}`],
  [1, written`begins_with(sk, ${bound})`],
  [1, predicate],
);
const inPartition = weighted(
  [8, written`pk = ${partition}`],
  [2, written`${partition} = pk`],
  [1, written`(pk) = (${partition})`],
  [1, written`pk ${comparator} ${value}`],
);
export const keyCondition = weighted(
  [4, inPartition],
  [4, written`${inPartition} AND ${range}`],
  [2, written`(${inPartition}) AND (${range})`],
  [1, written`${range} AND ${inPartition}`],
  [1, written`${inPartition} AND ${range} AND ${range}`],
  [1, range],
);

/** The expressions of a request, by parameter, with the placeholders of all of them. */
export function rendered(expressions: Readonly<Record<string, Pieces | undefined>>): Record<string, unknown> {
  const [names, values]: [Record<string, string>, Record<string, AttributeValue>] = [{}, {}];
  const placed = (piece: Piece): string => {
    if (typeof piece === 'string') return piece;
    const isName = 'name' in piece;
    const placeholder = `${isName ? '#n' : ':v'}${Object.keys(isName ? names : values).length}`;
    if (isName) names[placeholder] = piece.name;
    else values[placeholder] = piece.value;
    return placeholder;
  };
  const texts = Object.entries(expressions).flatMap(([parameter, pieces]) =>
    pieces === undefined ? [] : [[parameter, pieces.map(placed).join('')]],
  );
  return {
    ...(Object.fromEntries(texts) as Record<string, string>),
    ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}
