import fc from '../../../builders/fast-check';
import { eventsOf, plan, type Step } from '../../../../examples/demo/traffic';

const allSteps = (events: number, keys: number): Step[] => {
  const { opening, errands } = plan(events, keys);
  return [...opening, ...errands.flat()];
};

describe('plan', () => {
  it('causes exactly the events asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 40 }), (events, keys) => {
        expect(eventsOf(allSteps(events, keys))).toBe(events);
      }),
    );
  });

  it('sells only articles that it has put into stock, and no more than the keys asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 40 }), (events, keys) => {
        const { opening, errands } = plan(events, keys);
        const stocked = new Set(opening.flatMap(({ command }) => (command.kind === 'replenish' ? command.sku : [])));
        const sold = errands
          .flat()
          .flatMap(({ command }) => (command.kind === 'place' ? command.lines.map(({ sku }) => sku) : []));
        expect(stocked.size).toBeLessThanOrEqual(keys);
        expect(sold.filter((sku) => !stocked.has(sku))).toEqual([]);
      }),
    );
  });

  it('has transactions of one, two and three keys, and a command that must be refused', () => {
    const steps = allSteps(100, 8);
    const keysOf = steps.map(({ command }) => (command.kind === 'place' ? 1 + command.lines.length : 1));
    expect(new Set(keysOf)).toEqual(new Set([1, 2, 3]));
    expect(steps.filter(({ events }) => events === 0)).not.toEqual([]);
  });
});
