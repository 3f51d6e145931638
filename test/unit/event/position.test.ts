import fc from '../../builders/fast-check';
import {
  isPosition,
  positionOfVersion,
  shownPosition,
  SIGNAL_PREFIX,
  versionOfPosition,
} from '../../../lib/event/position';
import { derivedUuidV7, epochMsOfUuidV7, uuidV7 } from '../../../lib/event/uuid';

const version = fc.maxSafeNat();
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('positions sort as their versions', () => {
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(positionOfVersion(a) < positionOfVersion(b)).toBe(a < b);
      expect(versionOfPosition(positionOfVersion(a))).toBe(a);
    }),
  );
});

test('ids sort by their time, and are positions', () => {
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [first, second] = [uuidV7(a), uuidV7(b)];
      expect(isPosition(first)).toBe(true);
      if (a !== b) expect(first < second).toBe(a < b);
      expect(versionOfPosition(first)).toBeUndefined();
    }),
  );
});

test('an id tells its time, and nothing else does', () => {
  fc.assert(fc.property(time, (a) => expect(epochMsOfUuidV7(uuidV7(a))).toBe(a)));
  expect(epochMsOfUuidV7(positionOfVersion(7))).toBeUndefined();
});

test('a version is shown without its zeros', () => {
  expect([positionOfVersion(0), positionOfVersion(70), 'odd'].map(shownPosition)).toEqual(['0', '70', 'odd']);
  expect(shownPosition('9007199254740993')).toBe('9007199254740993');
  expect(shownPosition('0000000000000000')).toBe('0');
});

test('a derived id follows from time and seed', () => {
  expect(derivedUuidV7(1, 'a')).toBe(derivedUuidV7(1, 'a'));
  expect(derivedUuidV7(1, 'a')).not.toBe(derivedUuidV7(1, 'b'));
  expect(derivedUuidV7(1, 'a')).not.toBe(derivedUuidV7(2, 'a'));
  expect(isPosition(derivedUuidV7(2 ** 48 - 1, ''))).toBe(true);
});

test('a signal is no position and sorts after every one', () => {
  const signal = `${SIGNAL_PREFIX}1`;
  expect(isPosition(signal)).toBe(false);
  expect([signal, positionOfVersion(Number.MAX_SAFE_INTEGER), uuidV7(2 ** 48 - 1)].sort().at(-1)).toBe(signal);
});
