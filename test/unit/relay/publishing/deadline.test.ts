import { KafkaDeadlineExceeded, withinDeadline } from '../../../../lib/relay/publishing/deadline';

it('settles as the work does', async () => {
  const failure = new Error('refused');

  await expect(withinDeadline(Promise.resolve(3), 'send', 1_000)).resolves.toBe(3);
  await expect(withinDeadline(Promise.reject(failure), 'send', 1_000)).rejects.toBe(failure);
});

it('rejects if the work takes too long, and names it', async () => {
  const never = new Promise<never>(() => undefined);

  await expect(withinDeadline(never, 'send', 5)).rejects.toMatchObject({
    name: 'KafkaDeadlineExceeded',
    call: 'send',
    deadlineMs: 5,
  });
});

it('handles a later rejection of the work', async () => {
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);
  const late = Promise.withResolvers<never>();

  await expect(withinDeadline(late.promise, 'send', 5)).rejects.toBeInstanceOf(KafkaDeadlineExceeded);
  late.reject(new Error('too late'));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);

  expect(unhandled).not.toHaveBeenCalled();
});
