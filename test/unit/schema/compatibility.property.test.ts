import Ajv2020 from 'ajv/dist/2020';
import fc from '../../builders/fast-check';
import { accepts } from '../../../lib/schema/keywords';
import { incompatibilities } from '../../../lib/schema/compatibility';
import { candidates, change, changed, document, twins, type Schema } from './random-schemas';

/** Validates with ajv, independently of our code; `undefined` if ajv itself fails. */
function validatorOf(schema: Schema): (value: unknown) => boolean | undefined {
  const ajv = new Ajv2020({
    strict: false,
    validateSchema: false,
    formats: { short: (text: string) => text.length < 2, lower: /^[a-z]*$/ },
  });
  const validate = unlessItFails(() => ajv.compile(schema));
  return (value) => unlessItFails(() => validate?.(value));
}

function unlessItFails<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    // Endless references, or a variable that ajv's generated code does not declare.
    if (error instanceof RangeError || error instanceof ReferenceError) return undefined;
    throw error;
  }
}

const pair: fc.Arbitrary<readonly [Schema, Schema]> = fc.oneof(
  { weight: 6, arbitrary: twins },
  {
    weight: 2,
    arbitrary: fc
      .tuple(document, fc.array(change, { maxLength: 3 }))
      .map(([written, changes]) => [written, changes.reduce(changed, written)] as const),
  },
);

const VALUES = 40;
const RUNS = Number(process.env['SCHEMA_RUNS'] ?? 300);

test('if no incompatibility is found, the reader accepts every written value', () => {
  let [proved, unequal, checked] = [0, 0, 0];
  fc.assert(
    fc.property(pair, fc.nat(), ([one, other], seed) => {
      for (const [written, read] of [
        [one, other],
        [other, one],
      ] as const) {
        if (incompatibilities(written, read).length > 0) continue;
        proved++;
        if (JSON.stringify(written) === JSON.stringify(read)) continue;
        unequal++;
        const [isWritten, isRead] = [validatorOf(written), validatorOf(read)];
        for (const value of candidates(written, seed, VALUES)) {
          if (isWritten(value) !== true) continue;
          checked++;
          expect({ value, isRead: isRead(value) ?? true }).toEqual({ value, isRead: true });
        }
      }
    }),
    { numRuns: RUNS },
  );
  // Without these counts, a test that compares nothing would also pass.
  expect({ proved: proved > RUNS / 10, unequal: unequal > RUNS / 20, checked: checked > RUNS / 2 }).toEqual({
    proved: true,
    unequal: true,
    checked: true,
  });
});

test('accepts agrees with a validator, or returns undefined', () => {
  let answered = 0;
  fc.assert(
    fc.property(document, fc.nat(), (schema, seed) => {
      const isValid = validatorOf(schema);
      for (const value of candidates(schema, seed, 10)) {
        const [answer, truth] = [accepts({ schema, root: schema }, value), isValid(value)];
        if (answer === undefined || truth === undefined) continue;
        answered++;
        expect({ value, answer }).toEqual({ value, answer: truth });
      }
    }),
    { numRuns: RUNS },
  );
  expect(answered).toBeGreaterThan(RUNS);
});
