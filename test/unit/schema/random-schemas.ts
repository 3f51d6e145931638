import fc from '../../builders/fast-check';

export type Schema = boolean | Record<string, unknown>;

/** Few names, values and limits, so that two schemas often concern the same data. */
const name = fc.constantFrom('a', 'b', 'ab');
const scalar = fc.constantFrom<unknown>(null, true, false, 0, 1, 2, 1.5, '', 'a', 'b', 'ab');
const limit = fc.integer({ min: -1, max: 3 });
const count = fc.integer({ min: 0, max: 3 });
const typeName = fc.constantFrom('null', 'boolean', 'object', 'array', 'number', 'integer', 'string');
const pattern = fc.constantFrom('^a', 'b$', '^.$');

const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const without = (schema: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
const record = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Schema> => fc.record(shape).map(without);

const number = record({
  type: fc.constantFrom('number', 'integer'),
  minimum: some(limit),
  maximum: some(limit),
  exclusiveMinimum: some(limit),
  exclusiveMaximum: some(limit),
  multipleOf: some(fc.constantFrom(1, 2, 4, 0.5)),
});
const text = record({
  type: fc.constant('string'),
  minLength: some(count),
  maxLength: some(count),
  pattern: some(pattern),
  format: some(fc.constantFrom('short', 'lower')),
});
const leaf = fc.oneof(
  record({ type: fc.oneof(typeName, fc.uniqueArray(typeName, { minLength: 1, maxLength: 3 })) }),
  record({ const: scalar }),
  record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }) }),
  number,
  text,
  fc.boolean(),
  record({ $ref: fc.constantFrom('#/$defs/one', '#/$defs/two', '#') }),
);

type Kinds = {
  readonly schema: Schema;
  readonly object: Schema;
  readonly array: Schema;
  readonly combined: Schema;
};

/** Schemas with all supported keywords, of limited depth. */
const kindsOf = (maxDepth: number) =>
  fc.letrec<Kinds>((tie) => {
    const inner = tie('schema');
    const list = fc.array(inner, { minLength: 1, maxLength: 3 });
    return {
      object: record({
        type: some(fc.constant('object')),
        properties: some(fc.dictionary(name, inner, { maxKeys: 3 })),
        required: some(fc.uniqueArray(name, { maxLength: 2 })),
        additionalProperties: some(fc.oneof(fc.constant(false), inner)),
        patternProperties: some(fc.dictionary(pattern, inner, { maxKeys: 1 })),
        propertyNames: some(record({ maxLength: count, pattern: some(pattern) })),
        minProperties: some(count),
        maxProperties: some(count),
      }),
      array: record({
        type: some(fc.constant('array')),
        items: some(inner),
        prefixItems: some(list),
        minItems: some(count),
        maxItems: some(count),
        uniqueItems: some(fc.boolean()),
      }),
      combined: record({
        type: some(typeName),
        anyOf: some(list),
        oneOf: some(list),
        allOf: some(list),
        not: some(inner),
        minimum: some(limit),
        required: some(fc.uniqueArray(name, { maxLength: 1 })),
      }),
      schema: fc.oneof(
        { maxDepth, depthIdentifier: `schema ${maxDepth}` },
        { weight: 3, arbitrary: leaf },
        { weight: 3, arbitrary: tie('object') },
        { weight: 1, arbitrary: tie('array') },
        { weight: 1, arbitrary: tie('combined') },
      ),
    };
  });
const { schema } = kindsOf(3);
const small = kindsOf(1);

/** Two similar small documents of one kind. */
export const twins: fc.Arbitrary<readonly [Schema, Schema]> = fc
  .tuple(
    fc.oneof(
      ...[number, text, small.object, small.array, small.combined].map((kind) => fc.tuple(kind, kind)),
      fc.tuple(small.schema, small.combined),
    ),
    leaf,
    leaf,
  )
  .map(([[written, read], one, two]) => [documentOf(written, one, two), documentOf(read, one, two)]);

const documentOf = (root: Schema, one: Schema, two: Schema): Schema => ({
  ...(typeof root === 'boolean' ? { allOf: [root] } : root),
  $defs: { one, two },
});

/** A document whose references have targets, possibly itself. */
export const document: fc.Arbitrary<Schema> = fc
  .tuple(schema, schema, schema)
  .map(([root, one, two]) => documentOf(root, one, two));

export interface Change {
  readonly at: number;
  readonly kind: 'drop' | 'replace' | 'offer' | 'step';
  readonly pick: number;
  readonly schema: Schema;
}
export const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(1000),
  kind: fc.constantFrom('drop', 'replace', 'offer', 'step'),
  pick: fc.nat(1000),
  schema,
});

/** A copy with one small change. */
export function changed(original: Schema, { at, kind, pick, schema: other }: Change): Schema {
  const copy = structuredClone({ root: original });
  const objects: Record<string, unknown>[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) objects.push(value as Record<string, unknown>);
    Object.values(value).forEach(visit);
  };
  visit(copy);
  const target = objects[at % objects.length]!;
  const keys = Object.keys(target).filter((key) => key !== '$defs' && key !== 'root');
  const key = keys[pick % keys.length];
  if (key === undefined) return original;
  const value = target[key];
  if (kind === 'drop') Reflect.deleteProperty(target, key);
  else if (typeof value === 'number') target[key] = kind === 'step' ? Math.max(0, value + 1) : Math.max(1, value - 1);
  else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    target[key] = kind === 'offer' ? { anyOf: [value, other] } : value;
  } else if (Array.isArray(value) && value.length > 0 && key !== 'type' && kind === 'offer')
    target[key] = [...value, value[0]];
  return whole(copy.root);
}

/** Adds a target for every reference whose target was dropped. */
const whole = (root: Schema): Schema =>
  typeof root === 'boolean'
    ? root
    : { ...root, $defs: { one: true, two: true, ...(root['$defs'] as object | undefined) } };

/** Values that may be valid under a schema. The caller must validate them. */
export function* candidates(root: Schema, seed: number, amount: number): Generator {
  let state = seed >>> 0;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const oneOf = <T>(values: readonly T[]): T | undefined => values[random(values.length)];
  const SCALARS = [null, true, false, -1, 0, 1, 2, 3, 4, 1.5, 0.5, '', 'a', 'b', 'ab', 'abc', 'ba'];
  const anything = (depth: number): unknown => {
    const kind = depth > 2 ? 0 : random(6);
    if (kind === 4) return Array.from({ length: random(4) }, () => anything(depth + 1));
    if (kind === 5) {
      return Object.fromEntries(
        ['a', 'b', 'ab', 'c'].filter(() => random(2) === 0).map((key) => [key, anything(depth + 1)]),
      );
    }
    return oneOf(SCALARS);
  };
  const fitting = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || depth > 6 || random(12) === 0) return anything(depth);
    const each = value as Record<string, unknown>;
    const lookedUp = typeof each['$ref'] === 'string' ? lookUp(each['$ref']) : undefined;
    if (lookedUp !== undefined) return fitting(lookedUp, depth + 1);
    if ('const' in each) return each['const'];
    if (Array.isArray(each['enum'])) return oneOf(each['enum'] as unknown[]);
    for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
      if (Array.isArray(each[keyword])) return fitting(oneOf(each[keyword] as unknown[]), depth + 1);
    }
    const { properties, required, additionalProperties, items, prefixItems } = each;
    if (
      properties !== undefined ||
      required !== undefined ||
      additionalProperties !== undefined ||
      each['type'] === 'object'
    ) {
      const schemas = (properties ?? {}) as Record<string, unknown>;
      const names = new Set([...Object.keys(schemas), ...((required ?? []) as string[]), 'a', 'c']);
      return Object.fromEntries(
        [...names]
          .filter((key) => ((required ?? []) as string[]).includes(key) || random(2) === 0)
          .map((key) => [key, fitting(schemas[key] ?? additionalProperties, depth + 1)]),
      );
    }
    if (items !== undefined || prefixItems !== undefined || each['type'] === 'array') {
      const prefix = (prefixItems ?? []) as unknown[];
      return Array.from({ length: random(4) }, (_, index) => fitting(prefix[index] ?? items, depth + 1));
    }
    return anything(depth);
  };
  const lookUp = (reference: string): unknown =>
    reference === '#' ? root : (root as { $defs: Record<string, unknown> }).$defs[reference.slice('#/$defs/'.length)];
  for (let made = 0; made < amount; made++) yield fitting(root, 0);
}
