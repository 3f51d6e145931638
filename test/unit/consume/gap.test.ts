import { gapBefore } from '../../../lib/consume/gap';
import { EMPTY_INBOX, withApplied, withAside, type InboxState, type Seen } from '../../../lib/consume/inbox';
import { formatSequence } from '../../../lib/event/sequence';

const at = (version: number, index = 0): Seen => ({
  sequence: formatSequence({ version, index }),
  id: `${version}.${index}`,
});
const after = (...applied: (readonly [version: number, index: number, txEvents: number])[]): InboxState =>
  applied.reduce((state, [version, index, txEvents]) => withApplied(state, at(version, index), txEvents), EMPTY_INBOX);

it.each([
  ['the next version', after([1, 0, 1]), at(2)],
  ['the next event of the transaction', after([1, 0, 2]), at(1, 1)],
  ['the next version after the last event of a transaction', after([1, 0, 2], [1, 1, 2]), at(2)],
  ['a first event of any version', EMPTY_INBOX, at(7)],
  ['an event that is not the newest', after([1, 0, 1], [5, 0, 1]), at(3)],
  ['the next version after one that was set aside', withAside(after([1, 0, 1]), at(2)), at(3)],
])('nothing is missing before %s', (_, state, event) => {
  expect(gapBefore(state, event)).toBeUndefined();
});

it.each([
  ['a version', after([1, 0, 1]), at(3), at(1), at(2)],
  ['the rest of a transaction', after([1, 0, 3]), at(2), at(1), at(1, 1)],
  ['an event of the transaction', after([1, 0, 3]), at(1, 2), at(1), at(1, 1)],
  ['the first events of a version', after([1, 0, 1]), at(2, 1), at(1), at(2)],
])('%s is missing', (_, state, event, last, missing) => {
  expect(gapBefore(state, event)).toEqual({ after: last.sequence, missing: missing.sequence, got: event.sequence });
});

it('the first events of a transaction are missing before the first event of a key', () => {
  expect(gapBefore(EMPTY_INBOX, at(7, 2))).toEqual({ missing: at(7).sequence, got: at(7, 2).sequence });
});
