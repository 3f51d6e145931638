import { parseBaseline, printBaseline } from '../../../lib/schema/baseline';
import { incompatibilities } from '../../../lib/schema/compatibility';
import { isJsonSchema, type JsonSchema } from '../../../lib/schema/json-schema';
import type { Random } from '../../../lib/testing/random';
import { mutate, textNear } from '../mutate';
import { decoded, expectSame, type Target } from '../target';

const SCHEMAS: readonly JsonSchema[] = [
  {
    type: 'object',
    properties: {
      total: { type: 'number', minimum: 0, multipleOf: 0.01 },
      name: { type: ['string', 'null'], pattern: '^[a-z]+$', maxLength: 20 },
      tags: { type: 'array', items: { enum: ['a', 'b', 1, null] }, uniqueItems: true, maxItems: 5 },
    },
    required: ['total'],
    additionalProperties: false,
  },
  { $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } } } }, $ref: '#/$defs/node' },
  { anyOf: [{ const: 1 }, { allOf: [{ type: 'string' }, { minLength: 2 }] }, { oneOf: [true, { not: {} }] }] },
  { type: 'array', prefixItems: [{ type: 'integer' }], items: false, contains: { type: 'integer' } },
];
const [writes = true, reads = true] = SCHEMAS;
const revisions = [{ version: 1, writes, reads }];
const BASELINE = printBaseline({ 'order.placed': { contentType: 'application/json', upcasters: [1], revisions } });

/** A change of the content leaves the text JSON; a change of the text usually does not. */
const near = (random: Random, text: string): string =>
  random.chance(0.5) ? textNear(random, text) : JSON.stringify(mutate(random, JSON.parse(text)));

const asSchema = (value: unknown): JsonSchema => (isJsonSchema(value) ? value : true);

/** A comparison always ends with findings, and a schema reads its own data. */
export const schema: Target = {
  name: 'schema',
  input: (random) => {
    const seed = random.pick(SCHEMAS);
    return { written: mutate(random, seed), read: mutate(random, seed), baseline: near(random, BASELINE) };
  },
  run(input) {
    const { written, read, baseline } = input as Record<string, unknown>;
    const [one, other] = [asSchema(written), asSchema(read)];
    const found = incompatibilities(one, other);
    if (incompatibilities(one, structuredClone(one)).length > 0)
      throw new Error('A schema does not read its own data.');
    const text = decoded(
      () => parseBaseline(String(baseline), 'b.json'),
      'operation-refused',
      (parsed) =>
        expectSame('The baseline that is printed again', parseBaseline(printBaseline(parsed), 'b.json'), parsed),
    );
    return `${found.length === 0 ? 'compatible' : 'incompatible'}, baseline ${text}`;
  },
};
