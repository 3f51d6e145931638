import fc from '../../../builders/fast-check';
import { addNumbers, compareNumbers, normalNumber, subtractNumbers } from '../../../../lib/testing/dynamodb/decimal';

describe('numbers of DynamoDB', () => {
  it.each([
    ['007', '7'],
    ['1.50', '1.5'],
    ['-0.0', '0'],
    ['1e3', '1000'],
    ['12.5E-3', '0.0125'],
    ['.5', '0.5'],
    ['-1E+2', '-100'],
  ])('are stored without what says nothing: %s', (text, stored) => {
    expect(normalNumber(text)).toBe(stored);
  });

  it('are exact where floating point is not', () => {
    expect(addNumbers('0.1', '0.2')).toBe('0.3');
    expect(subtractNumbers('9007199254740993', '0.5')).toBe('9007199254740992.5');
  });

  it('add, subtract and compare as integers do', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        (a, b) => {
          expect(addNumbers(String(a), String(b))).toBe(String(a + b));
          expect(subtractNumbers(String(a), String(b))).toBe(String(a - b));
          expect(Math.sign(compareNumbers(String(a), String(b)))).toBe(a === b ? 0 : a < b ? -1 : 1);
        },
      ),
    );
  });

  it.each(['', 'x', '1.2.3', '1e', '9'.repeat(39), '1e126', '1e-131', 'NaN'])('are refused: %s', (text) => {
    expect(() => normalNumber(text)).toThrow(expect.objectContaining({ type: 'ValidationException' }));
  });
});
