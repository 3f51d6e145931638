import { deadlineIn, withinTime } from '../../../lib/timing/within-time';

const never = new Promise<never>(() => undefined);
const onTimeout = (): Error => new Error('too late');
const onAbort = (): Error => new Error('aborted');

async function unhandledIn(work: () => Promise<unknown>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  await work();
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', note);
  return unhandled;
}

it('settles as the work does', async () => {
  const failure = new Error('refused');
  await expect(withinTime(() => 3, { ms: 1_000, onTimeout })).resolves.toBe(3);
  await expect(withinTime(() => Promise.reject(failure), { ms: 1_000, onTimeout })).rejects.toBe(failure);
});

it('rejects when the time is up, and aborts the signal of the work', async () => {
  let given: AbortSignal | undefined;
  const work = (signal: AbortSignal): Promise<never> => {
    given = signal;
    return never;
  };
  await expect(withinTime(work, { ms: 5, onTimeout })).rejects.toThrow('too late');
  expect(given?.aborted).toBe(true);
});

it('handles a late rejection of the work', async () => {
  const late = Promise.withResolvers<never>();
  const unhandled = await unhandledIn(async () => {
    await expect(withinTime(() => late.promise, { ms: 5, onTimeout })).rejects.toThrow('too late');
    late.reject(new Error('late'));
  });
  expect(unhandled).toEqual([]);
});

it('rejects at an abort only if it has an error for it', async () => {
  const signal = AbortSignal.abort();
  const slow = () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), 5));
  await expect(withinTime(() => never, { ms: 1_000, onTimeout, signal, onAbort })).rejects.toThrow('aborted');
  await expect(withinTime(slow, { ms: 1_000, onTimeout, signal })).resolves.toBe('done');
});

it('passes on an error that the work throws at once, also after an abort', async () => {
  const thrown = new Error('at once');
  const work = (): never => {
    throw thrown;
  };
  const unhandled = await unhandledIn(async () => {
    const limit = { ms: 1_000, onTimeout, signal: AbortSignal.abort(), onAbort };
    await expect(withinTime(work, limit)).rejects.toBe(thrown);
  });
  expect(unhandled).toEqual([]);
});

it('limits several calls together, and starts none when the time is up', async () => {
  const withinLimit = deadlineIn(20, onTimeout);
  await expect(withinLimit(() => Promise.resolve('first'))).resolves.toBe('first');
  await expect(withinLimit(() => never)).rejects.toThrow('too late');
  // The timer may fire a fraction of a millisecond before the time is up.
  await new Promise((resolve) => setTimeout(resolve, 5));
  const last = jest.fn();
  await expect(withinLimit(last)).rejects.toThrow('too late');
  expect(last).not.toHaveBeenCalled();
});
