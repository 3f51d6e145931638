import {
  decodeControl,
  encodeHold,
  encodeTombstone,
  holdForGone,
  holdKey,
  isHeldItem,
  isProbeDue,
  isRefused,
  othersBehind,
  probedHold,
  PROBE_INTERVAL_MS,
  refusalOf,
  stateKey,
  unavailablePartitions,
  type Hold,
} from '../../../lib/event/control';

const NOW = Date.UTC(2026, 0, 31, 12);
const at = (version: number): string => String(version).padStart(16, '0');
const aHold = (change: Partial<Hold> = {}): Hold => ({
  ...{ pk: 'order#42', position: at(2), id: 'e-2', revision: 'r', state: 'holding' },
  ...{ reason: 'message-too-large', message: 'too large', attempts: 1, since: NOW },
  ...change,
});

describe('the control partition', () => {
  it('is empty before the first write', () => {
    expect(decodeControl([])).toEqual({ revision: 0, holds: new Map(), tombstones: new Set() });
    expect(decodeControl([stateKey(undefined)])).toMatchObject({ revision: 0, streamArn: undefined });
  });

  it('has the state of the relay', () => {
    const state = { revision: 7, streamArn: 'arn', owner: 'o', doubtSince: 1, retriedAt: 2 };
    expect(decodeControl([{ ...stateKey(undefined), ...state }])).toMatchObject({
      ...{ revision: 7, streamArn: 'arn', owner: 'o', gapSuspectedSince: 1, retriedAt: 2 },
    });
  });

  it('ignores a state of another type', () => {
    const state = { streamArn: 1, owner: 1, doubtSince: '1', retriedAt: '2' };
    expect(decodeControl([{ ...stateKey(undefined), ...state }])).toMatchObject({
      ...{ streamArn: undefined, owner: undefined, gapSuspectedSince: undefined, retriedAt: undefined },
    });
  });

  it('has the holds as they were written, also that of a long key', () => {
    const long = aHold({
      ...{ pk: `order#${'x'.repeat(2000)}`, others: [{ position: at(3) }], headSeen: true },
      ...{
        awaits: { topic: 'orders', partition: 3, failedAt: NOW },
        refused: { reason: 'unknown-topic', message: '' },
      },
    });
    expect(decodeControl([encodeHold(aHold(), undefined), encodeHold(long, undefined)]).holds).toEqual(
      new Map([
        ['order#42', aHold()],
        [long.pk, long],
      ]),
    );
  });

  it('ignores what a later version adds to it', () => {
    const stored = { ...encodeHold(aHold(), undefined), added: 1 };
    const other = { ...holdKey('order#43', undefined), sk: 'other#order#43' };
    expect(decodeControl([stored, other])).toMatchObject({ holds: new Map([['order#42', aHold()]]) });
  });

  it('remembers a discarded item for longer than a stream keeps its record', () => {
    const tombstone = encodeTombstone('order#42\ne-2', NOW + 1, undefined);
    expect(tombstone).toMatchObject({ identity: 'order#42\ne-2', expiresAt: NOW / 1000 + 1 + 25 * 3600 });
    expect(decodeControl([tombstone])).toMatchObject({ holds: new Map(), tombstones: new Set(['order#42\ne-2']) });
  });
});

describe('the awaited items behind a position', () => {
  it('are those of the hold and the new ones, once each and in order', () => {
    const known = aHold({ position: at(4), id: 'e-4', others: [{ position: at(6) }, { position: at(2), id: 'e-2' }] });
    const refused = [{ position: at(5), id: 'e-5' }, { position: at(6), id: 'e-6' }, { position: at(3) }];
    expect(othersBehind(at(3), known, refused)).toEqual({
      others: [
        { position: at(4), id: 'e-4' },
        { position: at(5), id: 'e-5' },
        { position: at(6), id: 'e-6' },
      ],
    });
  });

  it('are left out if there are none', () => {
    expect(othersBehind(at(2), undefined)).toEqual({});
    expect(othersBehind(at(2), aHold())).toEqual({});
  });

  it('are at most the first 20', () => {
    const refused = Array.from({ length: 21 }, (_, index) => ({ position: at(30 - index) }));
    expect(othersBehind(at(2), undefined, refused).others).toEqual(
      Array.from({ length: 20 }, (_, index) => ({ position: at(10 + index) })),
    );
  });
});

describe('a held item', () => {
  it.each([
    [true, { id: 'e-2' }, { id: 'e-2' }],
    [false, { id: 'e-2' }, { id: 'e-3' }],
    [false, { id: 'e-2' }, {}],
    [true, {}, { id: 'e-3' }],
    [true, {}, {}],
    [false, {}, undefined],
  ])('is %s for %j and the stored %j', (expected, awaited, stored) => {
    expect(isHeldItem({ position: at(2), ...awaited }, stored)).toBe(expected);
  });

  const awaits = { topic: 'orders', partition: 3, failedAt: NOW };
  it.each<[boolean, Partial<Hold>]>([
    [true, { attempts: 1, awaits }],
    [false, { attempts: 0, awaits }],
    [false, { attempts: 0, awaits, id: undefined, reason: 'partition-unavailable' }],
    [true, { attempts: 0 }],
    [true, { attempts: 0, id: undefined }],
    [true, { attempts: 0, reason: 'drain-unfinished' }],
    [false, { attempts: 0, id: undefined, reason: 'drain-unfinished' }],
  ])('may not be left out: %s for %j', (expected, hold) => {
    expect(isRefused(aHold(hold))).toBe(expected);
  });

  it('has the refusal of its hold, or the one from before it was deleted', () => {
    const refused = { reason: 'unknown-topic', message: 'no such topic' } as const;
    expect(refusalOf(aHold({ refused }))).toEqual({ reason: 'message-too-large', message: 'too large' });
    expect(refusalOf(aHold({ refused, reason: 'item-gone' }))).toEqual(refused);
    expect(refusalOf(aHold({ reason: 'drain-unfinished' }))).toBeUndefined();
  });

  it('that was deleted keeps its key held, with the refusal', () => {
    const known = aHold({ attempts: 3, others: [{ position: at(4) }] });
    expect(holdForGone(known, { position: at(2), id: 'e-2' }, 'gone', 'r-2')).toEqual({
      ...{ pk: 'order#42', position: at(2), id: 'e-2', revision: 'r-2', state: 'holding', reason: 'item-gone' },
      ...{ message: 'gone', attempts: 3, since: NOW, others: [{ position: at(4) }] },
      refused: { reason: 'message-too-large', message: 'too large' },
    });
    expect(holdForGone(known, { position: at(4) }, 'gone', 'r-2')).not.toHaveProperty('refused');
    expect(holdForGone(known, { position: at(4) }, 'gone', 'r-2')).not.toHaveProperty('others');
  });
});

describe('an unavailable partition', () => {
  const waiting = (key: string, partition: number, failedAt: number, change: Partial<Hold> = {}): Hold =>
    aHold({ pk: `order#${key}`, awaits: { topic: 'orders', partition, failedAt }, since: failedAt - 1, ...change });

  it('has the last failure and the first hold of its keys', () => {
    const [a, b, c] = [waiting('a', 3, 30), waiting('b', 3, 50), waiting('c', 3, 40)];
    const other = waiting('d', 4, 10);
    expect(unavailablePartitions([a, b, aHold(), c, other])).toEqual(
      new Map([
        ['orders-3', { topic: 'orders', partition: 3, name: 'orders-3', failedAt: 50, since: 29, holds: [a, b, c] }],
        ['orders-4', { topic: 'orders', partition: 4, name: 'orders-4', failedAt: 10, since: 9, holds: [other] }],
      ]),
    );
  });

  it.each([
    [false, 0],
    [false, PROBE_INTERVAL_MS - 1],
    [true, PROBE_INTERVAL_MS],
    [false, 1 - PROBE_INTERVAL_MS],
    [true, -PROBE_INTERVAL_MS],
  ])('is to be tried again: %s after %d ms', (expected, ms) => {
    expect(isProbeDue({ topic: 'orders', partition: 3, failedAt: NOW }, NOW + ms)).toBe(expected);
  });

  it('is tried with each of its held keys in turn, but not with one that is being drained', () => {
    const [a, b, draining] = [waiting('a', 3, 1), waiting('b', 3, 1), waiting('c', 3, 1, { state: 'draining' })];
    const partition = unavailablePartitions([draining, b, a]).get('orders-3');
    const turns = [0, 1, 2].map((turn) => partition && probedHold(partition, turn * PROBE_INTERVAL_MS)?.pk);
    expect(turns).toEqual(['order#a', 'order#b', 'order#a']);
    const none = unavailablePartitions([draining]).get('orders-3');
    expect(none && probedHold(none, NOW)).toBeUndefined();
  });
});
