import type { Hold, ParkReason } from '../../../lib/event/control';
import { BREAKER, mayHaveCrashed, openBreaker } from '../../../lib/relay/park-limits';
import { anItem, insertOf } from '../../builders/items';

const NOW = Date.UTC(2026, 0, 31, 12);
const OUTAGE: ParkReason = 'unknown-topic';

const holdsOf = (count: number, change: Partial<Hold> = {}): ReadonlyMap<string, Hold> =>
  new Map(
    Array.from({ length: count }, (_, at): [string, Hold] => {
      const pk = `order#${at}`;
      const hold = { pk, position: '1', revision: 'r', state: 'holding', reason: OUTAGE, message: '' } as const;
      return [pk, { ...hold, attempts: 1, since: NOW, ...change }];
    }),
  );

it('parks a key until as many keys are held as an outage holds', () => {
  expect(openBreaker(OUTAGE, holdsOf(BREAKER.maxHolds - 1), [], NOW)).toBeUndefined();
  expect(openBreaker(OUTAGE, holdsOf(BREAKER.maxHolds), [], NOW)).toBe(BREAKER.maxHolds);
});

it('counts the keys that are being parked', () => {
  const holds = holdsOf(BREAKER.maxHolds - 2);
  expect(openBreaker(OUTAGE, holds, [OUTAGE, 'undecodable-item'], NOW)).toBeUndefined();
  expect(openBreaker(OUTAGE, holds, [OUTAGE, OUTAGE], NOW)).toBe(BREAKER.maxHolds);
});

it('counts only the holds of the last minutes', () => {
  const since = NOW - BREAKER.windowMs;
  expect(openBreaker(OUTAGE, holdsOf(BREAKER.maxHolds, { since }), [], NOW)).toBeUndefined();
  expect(openBreaker(OUTAGE, holdsOf(BREAKER.maxHolds, { since: since + 1 }), [], NOW)).toBe(BREAKER.maxHolds);
});

it.each(['undecodable-item', 'message-too-large', 'drain-unfinished', 'item-gone', 'partition-unavailable'] as const)(
  'does not count holds with the reason %s',
  (reason) => {
    expect(openBreaker(OUTAGE, holdsOf(BREAKER.maxHolds, { reason }), [], NOW)).toBeUndefined();
  },
);

it.each(['message-refused', 'unknown-topic', 'topic-not-authorized', 'process-died'] as const)(
  'counts holds with the reason %s',
  (reason) => {
    expect(openBreaker(reason, holdsOf(BREAKER.maxHolds, { reason }), [], NOW)).toBe(BREAKER.maxHolds);
  },
);

it('parks during an outage what the item alone decides', () => {
  expect(openBreaker('undecodable-item', holdsOf(BREAKER.maxHolds), [], NOW)).toBeUndefined();
});

it('parks nothing beyond the holds that an invocation can read', () => {
  const old = holdsOf(BREAKER.maxKeys - 2, { since: 0 });
  expect(openBreaker('undecodable-item', old, ['undecodable-item'], NOW)).toBeUndefined();
  expect(openBreaker('undecodable-item', old, ['undecodable-item', OUTAGE], NOW)).toBe(BREAKER.maxKeys);
});

it('takes a single record that is more than a minute old for one on which a process may have died', () => {
  const unstamped = insertOf(anItem());
  const record = { ...unstamped, dynamodb: { ...unstamped.dynamodb, ApproximateCreationDateTime: NOW / 1000 } };
  expect(mayHaveCrashed([record], NOW + 60_000)).toBe(false);
  expect(mayHaveCrashed([record], NOW + 60_001)).toBe(true);
  expect(mayHaveCrashed([record, record], NOW + 60_001)).toBe(false);
  expect(mayHaveCrashed([unstamped], NOW + 60_001)).toBe(false);
  expect(mayHaveCrashed([], NOW)).toBe(false);
});
