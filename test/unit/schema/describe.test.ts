import * as v from 'valibot';
import { z } from 'zod';
import { defineEvents, type EventDefinition } from '../../../lib';
import { describeCatalogue } from '../../../lib/schema/describe';
import { refusal } from '../write/order-outbox';

const described = (definition: Partial<EventDefinition>) =>
  describeCatalogue(defineEvents({ a: { schema: z.unknown(), topic: 't', ...definition } })).get('a');

test('Standard JSON Schema provides the schemas of both directions', () => {
  expect(described({ schema: z.object({ note: z.string().default('none') }) })).toEqual({
    version: 1,
    contentType: 'application/json',
    upcasters: [],
    oldestReadable: 1,
    writes: {
      type: 'object',
      properties: { note: { type: 'string' } },
      required: ['note'],
      additionalProperties: false,
    },
    reads: { type: 'object', properties: { note: { type: 'string' } } },
  });
});

test('a function provides the schemas of both directions', () => {
  const asked: string[] = [];
  const jsonSchema = (direction: string) => {
    asked.push(direction);
    return { type: 'string' };
  };
  expect(described({ schema: v.string(), jsonSchema })).toMatchObject({
    writes: { type: 'string' },
    reads: { type: 'string' },
  });
  expect(asked.toSorted()).toEqual(['input', 'output']);
});

test('a type with `jsonSchema: false` accepts any value', () => {
  expect(described({ schema: z.instanceof(Uint8Array), jsonSchema: false })).toMatchObject({
    writes: true,
    reads: true,
  });
});

test('annotations are left out; properties with the same names stay', () => {
  const jsonSchema = () => ({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'T',
    default: {},
    properties: { title: { type: 'string', description: 'd', 'x-a': 1 }, default: { enum: [{ title: 'kept' }] } },
    required: ['title'],
    anyOf: [{ examples: [1], type: 'object' }],
    $defs: { description: { $comment: 'c', type: 'null' } },
  });
  expect(described({ jsonSchema })?.writes).toEqual({
    properties: { title: { type: 'string' }, default: { enum: [{ title: 'kept' }] } },
    required: ['title'],
    anyOf: [{ type: 'object' }],
    $defs: { description: { type: 'null' } },
  });
});

test('the dialect of an early draft stays, because it changes the meaning of keywords', () => {
  const $schema = 'http://json-schema.org/draft-07/schema#';
  expect(described({ jsonSchema: () => ({ $schema, type: 'string' }) })?.writes).toEqual({ $schema, type: 'string' });
});

test('a dialect of its own stays, though its name begins like the current one', () => {
  const $schema = 'https://json-schema.org/draft/2020-12/schema/strict';
  expect(described({ jsonSchema: () => ({ $schema, type: 'string' }) })?.writes).toEqual({ $schema, type: 'string' });
});

test('Standard JSON Schema is asked for draft 2020-12', () => {
  const asked: unknown[] = [];
  const given = (options: unknown) => {
    asked.push(options);
    return { type: 'string' };
  };
  const standard = { ...z.string()['~standard'], jsonSchema: { input: given, output: given } };
  expect(described({ schema: { '~standard': standard } })).toMatchObject({ reads: { type: 'string' } });
  expect(asked).toEqual([{ target: 'draft-2020-12' }, { target: 'draft-2020-12' }]);
});

test('one error names all types without a JSON Schema', async () => {
  const events = defineEvents({
    bytes: { schema: z.instanceof(Uint8Array), topic: 't' },
    date: { schema: z.date(), topic: 't' },
    none: { schema: z.string(), topic: 't', jsonSchema: () => undefined },
    text: { schema: z.string(), topic: 't' },
    valibot: { schema: v.string(), topic: 't' },
  });
  const { message, details } = await refusal('operation-refused', () => describeCatalogue(events));
  expect(message).toContain('; none: "jsonSchema" returns no JSON Schema;');
  expect(details).toEqual({ operation: 'schema', why: message.slice('schema: '.length) });
  expect(message).toMatch(
    /^schema: there is no JSON Schema of bytes: .+; date: Date cannot .+; none: .+; valibot: its schema does not offer Standard JSON Schema\. Set "jsonSchema" of the type/,
  );
});
