import { notSimulated, refuse } from '../../lib/testing/dynamodb/errors';
import type { Condition } from '../../lib/testing/dynamodb/condition';
import type { Operand } from '../../lib/testing/dynamodb/operand';
import type { Table } from '../../lib/testing/dynamodb/table';
import type { UpdateAction } from '../../lib/testing/dynamodb/update';
import { storedValue, type Value } from '../../lib/testing/dynamodb/value';
import { updateBy, type Write } from '../../lib/testing/dynamodb/writes';

/** A statement of PartiQL with its parameters, as a request has them. */
export interface StatementRequest {
  readonly Statement: string;
  readonly Parameters?: readonly Value[];
}

/** An update or a delete of one item. Its numbers are indexes of parameters. */
interface Statement {
  readonly action: 'Update' | 'Delete';
  readonly tableName: string;
  readonly sets: readonly (readonly [name: string, parameter: number])[];
  readonly removes: readonly string[];
  readonly where: readonly (readonly [name: string, parameter: number])[];
  readonly parameters: number;
}

const TOKEN = /\s*(?:"((?:[^"]|"")*)"|([A-Za-z_][A-Za-z0-9_]*)|([?=]))/gy;

const known = new Map<string, Statement>();

/** The table that a statement names. */
export const tableNameOf = ({ Statement: text }: StatementRequest): string => statementOf(text).tableName;

/**
 * The write of a statement such as `UPDATE "t" SET "a"=? REMOVE "b" WHERE "pk"=? AND "sk"=? AND "c"=?` or
 * `DELETE FROM "t" WHERE …`. Equalities with parameters are the only conditions.
 *
 * @throws OutboxError `not-simulated` for every other statement
 */
export function readStatement(table: Table, { Statement: text, Parameters: parameters = [] }: StatementRequest): Write {
  const { action, sets, removes, where, parameters: count } = statementOf(text);
  if (parameters.length < count) refuse("Number of parameters in request and statement don't match.");
  const valueOf = (index: number): Operand => ({ kind: 'value', value: storedValue(parameters[index] ?? {}) });
  const key: Record<string, Value> = {};
  const conditions: Condition[] = [isThere(table)];
  for (const [name, parameter] of where) {
    if (table.keyNames.includes(name)) key[name] = parameters[parameter] ?? {};
    else conditions.push({ operator: '=', operands: [pathTo(name), valueOf(parameter)] });
  }
  if (Object.keys(key).length < table.keyNames.length) {
    refuse('Where clause does not contain a mandatory equality on all key attributes');
  }
  table.checkKey(key);
  const update: UpdateAction[] = [
    ...sets.map(([name, parameter]): UpdateAction => ({ clause: 'SET', path: [name], operand: valueOf(parameter) })),
    ...removes.map((name): UpdateAction => ({ clause: 'REMOVE', path: [name] })),
  ];
  const matches: Condition = { operator: 'AND', conditions };
  // To delete an item that is not there succeeds.
  const isGone: Condition = { operator: 'NOT', conditions: [isThere(table)] };
  return updateBy(action, table, key, action === 'Update' ? matches : either(isGone, matches), update);
}

const isThere = ({ partitionKey }: Table): Condition => ({
  operator: 'attribute_exists',
  operands: [pathTo(partitionKey)],
});

const either = (...conditions: Condition[]): Condition => ({ operator: 'OR', conditions });

const pathTo = (name: string): Operand => ({ kind: 'path', path: [name] });

/** The relay repeats few statements, so each is parsed once. */
function statementOf(text: string): Statement {
  const found = known.get(text);
  if (found !== undefined) return found;
  const parsed = parse(text);
  known.set(text, parsed);
  return parsed;
}

function parse(text: string): Statement {
  const reader = new StatementReader(text);
  const action = reader.accept('UPDATE') ? 'Update' : 'Delete';
  if (action === 'Delete') {
    reader.expect('DELETE');
    reader.expect('FROM');
  }
  const tableName = reader.name();
  const sets: [string, number][] = [];
  const removes: string[] = [];
  while (action === 'Update' && !reader.accept('WHERE')) {
    if (reader.accept('REMOVE')) removes.push(reader.name());
    else {
      reader.expect('SET');
      sets.push(reader.equality());
    }
  }
  if (action === 'Delete') reader.expect('WHERE');
  const where = [reader.equality()];
  while (reader.accept('AND')) where.push(reader.equality());
  reader.end();
  return { action, tableName, sets, removes, where, parameters: reader.parameters };
}

type Token = { readonly name: string } | { readonly word: string };

class StatementReader {
  /** The parameters so far. */
  parameters = 0;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    const matches = [...text.matchAll(TOKEN)];
    if (text.slice(matches.map(([whole]) => whole).join('').length).trim() !== '') this.#fail();
    this.#tokens = matches.map(([, quoted, word, sign]) =>
      quoted === undefined ? { word: word ?? sign ?? '' } : { name: quoted.replaceAll('""', '"') },
    );
  }

  accept(word: string): boolean {
    const token = this.#tokens[this.#at];
    const isFound = token !== undefined && 'word' in token && token.word.toUpperCase() === word;
    if (isFound) this.#at++;
    return isFound;
  }

  expect(word: string): void {
    if (!this.accept(word)) this.#fail();
  }

  name(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined || (!('name' in token) && !/^\w+$/.test(token.word))) return this.#fail();
    return 'name' in token ? token.name : token.word;
  }

  equality(): [name: string, parameter: number] {
    const name = this.name();
    this.expect('=');
    this.expect('?');
    return [name, this.parameters++];
  }

  end(): void {
    if (this.#at < this.#tokens.length) this.#fail();
  }

  #fail(): never {
    return notSimulated(
      `The statement ${this.#text}`,
      'UPDATE and DELETE of one item by its key are simulated, with equalities to parameters.',
    );
  }
}

/** The item that a statement is about, to find two statements for one item. */
export const itemNameOf = ({ table, key }: Write): string => `${table.name} ${table.nameOf(key)}`;
