import fc from '../../builders/fast-check';
import {
  UNAPPLIED_SIZE,
  decide,
  EMPTY_INBOX,
  WINDOW_SIZE,
  withApplied,
  withUnapplied,
  type InboxState,
  type SequencedEvent,
} from '../../../lib/consume/inbox';
import { formatSequence } from '../../../lib/event/position';

const event = (version: number, id = `e${version}`): SequencedEvent => ({
  sequence: formatSequence({ version, index: 0 }),
  id,
});

/** Delivers events one after the other. Returns the applied ids and the final state. */
function deliver(
  events: readonly SequencedEvent[],
  state: InboxState = EMPTY_INBOX,
): { ids: string[]; state: InboxState } {
  const ids: string[] = [];
  for (const each of events) {
    if (decide(state, each).kind === 'duplicate') continue;
    ids.push(each.id);
    state = withApplied(state, each, 1);
  }
  return { ids, state };
}

const versions = (from: number, to: number): SequencedEvent[] =>
  Array.from({ length: to - from + 1 }, (_, at) => event(from + at));

it.each([
  ['redelivery from an old offset', [1, 2, 1, 2], ['e1', 'e2']],
  ['a version that came late, once', [1, 3, 2, 2, 3], ['e1', 'e3', 'e2']],
  ['partitions raised while the old one lags', [1, 4, 2, 3, 4], ['e1', 'e4', 'e2', 'e3']],
  ['an aggregate made again at version 1', [57, 1, 2, 57], ['e57', 'e1', 'e2']],
])('%s', (_, delivered, applied) => {
  expect(deliver(delivered.map((version) => event(version))).ids).toEqual(applied);
});

it('takes two events of one sequence for two events', () => {
  expect(deliver([event(8, 'old'), event(8, 'new'), event(8, 'old'), event(8, 'new')]).ids).toEqual(['old', 'new']);
});

it('tells a late first delivery from a duplicate, and an event below a full window from both', () => {
  const { state } = deliver([...versions(1, 3), ...versions(5, WINDOW_SIZE + 5)]);

  expect(decide(state, event(WINDOW_SIZE + 5))).toEqual({ kind: 'duplicate', below: false });
  expect(decide(state, event(WINDOW_SIZE + 6))).toEqual({ kind: 'new' });
  expect(decide(state, event(WINDOW_SIZE, 'other'))).toEqual({ kind: 'late' });
  expect(decide(state, event(4))).toEqual({ kind: 'duplicate', below: true });
});

it('lets a dead-lettered event be applied at any time, once', () => {
  const aside = withUnapplied(deliver(versions(1, 3)).state, event(4));
  const { state } = deliver(versions(5, 100), aside);

  expect(decide(state, event(4))).toEqual({ kind: 'late' });
  const after = withApplied(state, event(4), 1);
  expect(decide(after, event(4)).kind).toBe('duplicate');
  expect(after.unapplied).toEqual([]);
});

it('keeps its state bounded, and notes no event twice', () => {
  let { state } = deliver(versions(1, 200));
  for (const each of versions(300, 500)) state = withUnapplied(withUnapplied(state, each), each);

  expect(state.window).toHaveLength(WINDOW_SIZE);
  expect(state.unapplied).toHaveLength(UNAPPLIED_SIZE);
});

it('applies each event exactly once, whatever is repeated, as long as no first delivery is 16 behind', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 60 }),
      fc.array(fc.tuple(fc.nat({ max: 59 }), fc.nat({ max: 59 })), { maxLength: 30 }),
      (delays, repeats) => {
        // Each event arrives at most 7 places late, and any earlier part of the stream may be delivered again.
        const first = delays
          .map((delay, at) => ({ at, place: at + delay }))
          .toSorted((a, b) => a.place - b.place || a.at - b.at)
          .map(({ at }) => event(at + 1));
        const again = repeats.flatMap(([from, length]) => first.slice(from, from + length));
        const delivered = first.flatMap((each, at) => [each, ...first.slice(Math.max(0, at - 3), at + 1)]);

        const { ids } = deliver([...delivered, ...again, ...first]);

        expect(ids.toSorted()).toEqual(first.map(({ id }) => id).toSorted());
      },
    ),
  );
});
