import { gapBefore, gapBeside, otherTopicsOf } from '../../../lib/consume/gap';
import {
  EMPTY_INBOX,
  withApplied,
  withUnapplied,
  type InboxState,
  type SequencedEvent,
} from '../../../lib/consume/inbox';
import { formatSequence } from '../../../lib/event/position';

const at = (version: number, index = 0): SequencedEvent => ({
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
  ['the next version after a dead-lettered one', withUnapplied(after([1, 0, 1]), at(2)), at(3)],
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

describe('events that seem to be missing', () => {
  const gap = (missing: SequencedEvent, got: SequencedEvent) => ({
    missing: missing.sequence,
    got: got.sequence,
    otherTopics: ['audit'],
  });

  it.each([
    ['a version', gap(at(2), at(3)), [after([2, 0, 1])]],
    ['the first event of the transaction', gap(at(2), at(2, 1)), [after([2, 0, 2])]],
    ['versions on two topics', gap(at(2), at(4)), [after([2, 0, 1]), after([3, 0, 1])]],
    ['all events of a transaction', gap(at(2), at(3)), [after([2, 0, 2], [2, 1, 2])]],
  ])('is not, if the consumer has applied %s from other topics', (_, missing, others) => {
    expect(gapBeside(missing, others)).toBeUndefined();
  });

  it.each([
    ['nothing was applied from there', gap(at(2), at(3)), [], at(2)],
    ['another version was', gap(at(2), at(4)), [after([3, 0, 1])], at(2)],
    ['a version was, and not the next one', gap(at(2), at(4)), [after([2, 0, 1])], at(3)],
    ['its transaction had another event', gap(at(2), at(3)), [after([2, 0, 2])], at(2, 1)],
    ['nothing tells how many events its transaction had', gap(at(2), at(3)), [after([2, 0, 1], [7, 0, 1])], at(2, 1)],
  ])('is, if %s', (_, missing, others, rest) => {
    expect(gapBeside(missing, others)).toEqual({ ...missing, missing: rest.sequence });
  });
});

it.each([
  ['order.changed', ['audit', 'plain']],
  ['payment.made', ['plain']],
  ['changed', ['audit', 'plain']],
])('what is missing before %s may lie on topics of the same kind of types', (type, topics) => {
  const definitions = {
    ...{
      'order.changed': { topic: 'orders' },
      'order.audited': { topic: 'audit' },
      'order.placed': { topic: 'orders' },
    },
    noted: { topic: 'plain' },
  };
  expect(otherTopicsOf(definitions, { type, topic: 'orders' })).toEqual(topics);
});
