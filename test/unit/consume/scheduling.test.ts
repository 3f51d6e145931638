import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from '../../../lib/consume/circuit-breaker';
import { inboxPartitionKey, markerSortKey, parkedKeySortKey, parkedSortKey } from '../../../lib/consume/inbox-keys';
import { KeyQueues } from '../../../lib/consume/key-queues';
import { redactedMessage, redactedStack } from '../../../lib/consume/redaction';
import { backoffMs } from '../../../lib/timing/backoff';
import { wait } from '../../../lib/timing/wait';

const never = new AbortController().signal;

describe('the circuit breaker', () => {
  const backoff = { initialDelayMs: 5, maxDelayMs: 20 };

  it('lets one caller at a time try while it is open, and every caller when it is closed', async () => {
    const breaker = new CircuitBreaker(backoff, () => Date.now());
    expect(breaker.recordFailure()).toBe(true);
    // A task that was in flight when the circuit opened reports the same outage.
    expect(breaker.recordFailure()).toBe(false);
    const passed: number[] = [];
    const waiting = [1, 2, 3].map(async (who) => {
      await breaker.acquire(never);
      passed.push(who);
    });
    await sleep(60);
    expect(passed).toHaveLength(1);
    expect(breaker.recordFailure()).toBe(false);
    await sleep(60);
    expect(passed).toHaveLength(2);
    breaker.recordSuccess();
    await Promise.all(waiting);
    expect(breaker.isOpen).toBe(false);
  });

  it('lets the next caller try if the first one made no attempt', async () => {
    const breaker = new CircuitBreaker(backoff, () => Date.now());
    breaker.recordFailure();
    await breaker.acquire(never);
    const second = breaker.acquire(never);
    breaker.endTrial();
    await second;
  });

  it('releases a waiting caller whose signal is aborted', async () => {
    const breaker = new CircuitBreaker({ initialDelayMs: 60_000, maxDelayMs: 60_000 }, () => Date.now());
    breaker.recordFailure();
    const end = new AbortController();
    const waiting = breaker.acquire(end.signal);
    end.abort();
    await waiting;
  });
});

describe('key queues', () => {
  it('run the tasks of a key one after the other, next to those of other keys', async () => {
    const log: string[] = [];
    const fast = Promise.withResolvers<undefined>();
    const queues = new KeyQueues<string>(async ([task = '']) => {
      log.push(`+${task}`);
      if (task === 'slow.1') await fast.promise;
      log.push(`-${task}`);
      if (task === 'fast.2') fast.resolve(undefined);
    }, 1);
    for (const task of ['slow.1', 'slow.2', 'fast.1', 'fast.2']) queues.add(task.slice(0, 4), task);
    await queues.idle();

    expect(log.filter((entry) => entry.includes('slow'))).toEqual(['+slow.1', '-slow.1', '+slow.2', '-slow.2']);
    expect(log.filter((entry) => entry.includes('fast'))).toEqual(['+fast.1', '-fast.1', '+fast.2', '-fast.2']);
  });

  it('hand over as many tasks as may go together, and one that is taken before its turn', async () => {
    const taken: unknown[] = [];
    const queues = new KeyQueues<number>(async (tasks, queue) => {
      taken.push([...tasks]);
      if (tasks[0] === 1) taken.push(await queue.take((task) => task === 9, 60_000, never));
    }, 2);
    for (const task of [1, 2, 3]) queues.add('k', task);
    await sleep(5);
    queues.add('k', 9);
    await queues.idle();

    expect(taken).toEqual([[1, 2], 9, [3]]);
  });

  it('wait for a matching task no longer than the given time', async () => {
    const taken: unknown[] = [];
    const queues = new KeyQueues<number>(
      async (_, queue) => void taken.push(await queue.take(() => true, 5, never)),
      1,
    );
    queues.add('k', 1);
    await queues.idle();

    expect(taken).toEqual([undefined]);
  });
});

it('backs off twice as long each time, half of it random, and ends a wait whose signal is aborted', async () => {
  const backoff = { initialDelayMs: 100, maxDelayMs: 1_000 };
  expect([1, 2, 3, 10, 1_000].map((attempt) => backoffMs(backoff, attempt, { random: () => 1 }))).toEqual([
    100, 200, 400, 1_000, 1_000,
  ]);
  expect(backoffMs(backoff, 1, { random: () => 0 })).toBe(50);
  const end = new AbortController();
  const waiting = wait(60_000, end.signal);
  end.abort();
  await waiting;
  await wait(60_000, end.signal);
});

describe('keys in the table', () => {
  const key = (source: string, key: string, topic = 'orders') => ({ source, topic, key });

  it('are never the same for two keys', () => {
    const keys = [key('/a', 'b#c'), key('/a#b', 'c'), key('/a%23b', 'c'), key('/a', 'c'), key('/a', 'c', 'audit')];
    expect(new Set(keys.map((each) => inboxPartitionKey('shipping', each))).size).toBe(keys.length);
    expect(inboxPartitionKey('shipping', key('/shop/order', '42'))).toBe('shipping#orders#/shop/order#42');
  });

  it('fit the limits of DynamoDB, however long key and id are', () => {
    const long = key('/shop/order', 'ü'.repeat(1_500));
    expect(Buffer.byteLength(inboxPartitionKey('shipping', long))).toBeLessThanOrEqual(2_048);
    expect(Buffer.byteLength(parkedKeySortKey('shipping', long))).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(markerSortKey('x'.repeat(2_000)))).toBeLessThanOrEqual(1_024);
    expect(inboxPartitionKey('shipping', long)).not.toBe(
      inboxPartitionKey('shipping', key('/shop/order', 'ü'.repeat(1_501))),
    );
  });

  it('of parked messages sort as their partition does', () => {
    const offsets = [9n, 10n, 1_000_000_000_000n].map((offset) => parkedSortKey({ partition: 0, offset }));
    expect(offsets.toSorted()).toEqual(offsets);
  });
});

describe('redaction', () => {
  it.each([
    ['https://user:pass@host/x', '***@host/x'],
    ['Authorization: Bearer abcdefghijkl', '***'],
    ['{"password":"hunter2"}', '***'],
    ['key AKIAABCDEFGHIJKLMNOP', '***'],
  ])('hides %s', (text, hidden) => {
    const message = redactedMessage(new Error(text));
    expect(message).toContain(hidden);
    expect(message).not.toMatch(/pass@|hunter2|abcdefghijkl|AKIAABCD/);
  });

  it('keeps where an error arose, without its message and the folders of the machine', () => {
    const stack = redactedStack(new Error('secret text'));
    expect(stack).toMatch(/^at .*scheduling\.test\.ts:\d+:\d+/);
    expect(stack).not.toContain('secret text');
    expect(stack).not.toContain(__dirname);
    expect(redactedStack('no error')).toBeUndefined();
  });
});
