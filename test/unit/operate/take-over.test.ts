import { planTakeOver, takeOver } from '../../../lib/operate/take-over';
import { tablesInMemory } from './table-in-memory';

const request = { by: 'me', at: 1, why: 'blue/green' };

describe('a take-over', () => {
  it('makes another outbox the owner, and is noted', async () => {
    const { target } = tablesInMemory();
    await takeOver(target, await planTakeOver(target, 'Blue'), request);

    const plan = await planTakeOver(target, 'Green');
    expect(plan).toEqual({ from: 'Blue', to: 'Green' });
    await takeOver(target, plan, request);
    // The first response was lost, so the request is sent again.
    await takeOver(target, plan, request);

    await expect(planTakeOver(target, 'Green')).rejects.toThrow('already');
  });

  it('is refused when the owner has changed since it was planned, without a reason or an id', async () => {
    const { target } = tablesInMemory();
    const plan = await planTakeOver(target, 'Green');
    await takeOver(target, await planTakeOver(target, 'Blue'), request);

    await expect(takeOver(target, plan, request)).rejects.toThrow('another outbox');
    await expect(takeOver(target, plan, { ...request, why: ' ' })).rejects.toThrow('"why" is empty');
    await expect(planTakeOver(target, ' ')).rejects.toThrow('empty');
  });
});
