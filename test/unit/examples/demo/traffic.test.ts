import { runTraffic, type Command, type Step, type TrafficOptions } from '../../../../examples/demo/traffic';
import type { Outcome } from '../../../../examples/demo/writer';

const pay = (orderId: string, events = 1): Step => ({ command: { kind: 'pay', orderId }, events });

const event = {
  ...{ id: '1', type: 'order.paid', topic: 'orders', stream: '/shop/order 7', key: '7' },
  ...{ sequence: '0000000000000002.0000', committedAt: 0 },
};
const token = { aggregate: 'order', key: '7', source: '/shop/order', position: '2', topics: {} };
const committed: Outcome = { kind: 'committed', events: [event], token };

/** Writers that return `outcomes` in turn, then the last one forever. */
function traffic(...outcomes: Outcome[]) {
  const commands: Command[] = [];
  const onCommitted = jest.fn();
  const onRefused = jest.fn();
  const options: TrafficOptions = {
    writers: {
      run: (command) => {
        commands.push(command);
        const outcome = outcomes[Math.min(commands.length, outcomes.length) - 1] ?? committed;
        return Promise.resolve({ writer: 1, outcome });
      },
    },
    ...{ concurrency: 2, paceMs: 0, signal: new AbortController().signal, onCommitted, onRefused },
  };
  return { commands, onCommitted, onRefused, options };
}

const sentTo = (commands: readonly Command[]): (string | undefined)[] =>
  commands.map((command) => ('orderId' in command ? command.orderId : undefined));

describe('runTraffic', () => {
  it('fills the stock before anything is sold, and keeps the steps of an errand in order', async () => {
    const { commands, onCommitted, options } = traffic(committed);
    await runTraffic({ opening: [pay('first')], errands: [[pay('a1'), pay('a2')], [pay('b1')]] }, options);
    expect(sentTo(commands)[0]).toBe('first');
    expect(sentTo(commands).filter((id) => id?.startsWith('a'))).toEqual(['a1', 'a2']);
    expect(onCommitted).toHaveBeenCalledTimes(4);
  });

  it('repeats a command that was refused because of others', async () => {
    const busy: Outcome = { kind: 'refused', message: 'too busy', retryable: true };
    const { commands, options } = traffic(busy, committed);
    await runTraffic({ opening: [], errands: [[pay('7')]] }, options);
    expect(sentTo(commands)).toEqual(['7', '7']);
  });

  it('reports a refusal that was planned', async () => {
    const { onRefused, options } = traffic({ kind: 'refused', message: 'it is cancelled', retryable: false });
    await runTraffic({ opening: [], errands: [[pay('7', 0)]] }, options);
    expect(onRefused).toHaveBeenCalledWith(1, { kind: 'pay', orderId: '7' }, 'it is cancelled');
  });

  it.each<[string, Outcome, number]>([
    ['a refusal that was not planned', { kind: 'refused', message: 'no', retryable: false }, 1],
    ['a commit that had to be refused', committed, 0],
    ['another number of events than planned', committed, 2],
    ['a failure', { kind: 'failed', message: 'no' }, 1],
  ])('rejects after %s', async (_, outcome, events) => {
    const { options } = traffic(outcome);
    await expect(runTraffic({ opening: [], errands: [[pay('7', events)]] }, options)).rejects.toMatchObject({
      code: 'writer-failed',
      message: expect.stringMatching(/^Writer 1 was to pay 7, but /) as unknown,
    });
  });

  it('reports what was committed even if it differs from the plan', async () => {
    const { onCommitted, options } = traffic(committed);
    await expect(runTraffic({ opening: [], errands: [[pay('7', 0)]] }, options)).rejects.toThrow();
    expect(onCommitted).toHaveBeenCalledWith(1, [event], { kind: 'pay', orderId: '7' }, token);
  });

  it('stops when its signal is aborted', async () => {
    const { commands, options } = traffic(committed);
    const stopped = runTraffic({ opening: [], errands: [[pay('7')]] }, { ...options, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(commands).toEqual([]);
  });
});
