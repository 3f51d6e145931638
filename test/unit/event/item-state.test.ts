import { marshall } from '@aws-sdk/util-dynamodb';
import { isOpen, itemStateOf } from '../../../lib/event/item-state';

const stateOf = (attributes: Record<string, unknown>) => itemStateOf(marshall(attributes));
const parked = { reason: 'unknown-topic', message: 'no such topic', attempts: 2, since: 5 };
const note = { by: 'operator', at: 7, why: 'fixed' };

it.each([
  ['pending', true, {}],
  ['parked', true, { parked }],
  ['discarded', false, { parked, discarded: note }],
  ['processed', false, { parked, discarded: note, processedAt: 9 }],
] as const)('is %s, open %s', (state, open, attributes) => {
  expect(stateOf(attributes).state).toBe(state);
  expect(isOpen(state)).toBe(open);
});

it('has every mark', () => {
  const marks = { processedAt: 9, receipts: ['orders-0@1'], parked, discarded: note, redriven: note, starts: 3 };
  expect(stateOf({ ...marks, expiresAt: 11, gone: true, gap: { ...note, id: 'e-1' } })).toEqual({
    ...{ state: 'processed', ...marks, expiresAtSeconds: 11, gone: true, gap: { ...note, id: 'e-1' } },
  });
});

it('has no mark that is missing', () => {
  expect(stateOf({})).toEqual({ state: 'pending', receipts: [], starts: 0 });
  expect(stateOf({ gone: false })).not.toHaveProperty('gone');
});

it('is read, whatever its marks are', () => {
  const odd = { parked: {}, discarded: {}, gap: {}, redriven: {}, receipts: [1, 'orders-0@1'], processedAt: 'x' };
  const unknown = { by: '', at: 0, why: '' };
  expect(stateOf({ ...odd, expiresAt: 'x', starts: 'x' })).toEqual({
    ...{ state: 'processed', receipts: ['orders-0@1'], starts: 0 },
    ...{ parked: { reason: '', message: '', attempts: 1, since: 0 }, discarded: unknown, redriven: unknown },
    gap: { ...unknown, id: '' },
  });
  expect(stateOf({ parked: 'x', discarded: 'x', gap: 'x', redriven: 'x', receipts: 'x' })).toEqual({
    ...{ state: 'discarded', receipts: [], starts: 0 },
  });
});
