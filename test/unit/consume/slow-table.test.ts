import { setTimeout as sleep } from 'node:timers/promises';
import { handleKafkaEvent } from '../../../lib/consumer';
import { ConcurrencyLimit } from '../../../lib/consume/concurrency-limit';
import { Semaphore } from '../../../lib/consume/semaphore';
import { aRecord, aRig, kafkaEventOf, MemoryClient } from '../../builders/consume';

/** As many as the AWS SDK opens for a client. */
const CONNECTIONS = 50;
const ANSWER_MS = 10;
/** A client gives up if it gets no connection for so long. */
const CONNECTION_TIMEOUT_MS = 30;

/** A client of a table that answers slowly. Calls above its connections wait, and fail if they wait too long. */
class SlowClient extends MemoryClient {
  timeouts = 0;
  readonly #connections = new Semaphore(CONNECTIONS);

  constructor() {
    super();
    for (const call of ['get', 'transactWrite'] as const) {
      const answer = super[call].bind(this) as (input: never) => Promise<never>;
      this[call] = (input: never) => this.#slowly(() => answer(input));
    }
  }

  #slowly<T>(answer: () => Promise<T>): Promise<T> {
    const calledAt = performance.now();
    return this.#connections.use(async () => {
      if (performance.now() - calledAt > CONNECTION_TIMEOUT_MS) {
        this.timeouts++;
        throw Object.assign(new Error('No connection'), { name: 'TimeoutError' });
      }
      await sleep(ANSWER_MS);
      return answer();
    });
  }
}

it('a table that answers slowly gets no more calls than the client has connections', async () => {
  const client = new SlowClient();
  const rig = aRig({ clock: { now: () => Date.now() }, callTimeoutMs: 10_000 }, client);
  const handle = handleKafkaEvent({ consumer: rig.consumer, deadLetters: rig.deadLetters, partialBatchResponse: true });
  const records = Array.from({ length: 40 }, (_, partition) =>
    Array.from({ length: 16 }, (__, offset) =>
      aRecord({ key: `${partition}-${offset}`, version: 1, partition, offset }),
    ),
  ).flat();

  const end = Date.now() + 60_000;
  const response = await handle(kafkaEventOf(records), { getRemainingTimeInMillis: () => end - Date.now() });

  expect(response).toEqual({ batchItemFailures: [] });
  expect(client.effects()).toHaveLength(640);
  expect(client.timeouts).toBe(0);
});

describe('the limit of concurrent calls', () => {
  const overload = new Error('overload');
  const time = { ms: 10_000, onTimeout: () => new Error('late') };
  const aLimit = () => new ConcurrencyLimit((error) => error === overload);
  const fail = () => Promise.reject(overload);

  /** How many of many calls run at once. */
  async function width(limit: ConcurrencyLimit): Promise<number> {
    const gate = Promise.withResolvers<undefined>();
    let running = 0;
    const calls = Array.from({ length: 100 }, () => limit.run(() => (running++, gate.promise), time));
    await sleep(1);
    const seen = running;
    gate.resolve(undefined);
    await Promise.all(calls);
    return seen;
  }

  it('is halved by a call that fails for overload, down to one, and rises again with successes', async () => {
    const limit = aLimit();
    expect(await width(limit)).toBe(50);
    for (let failures = 0; failures < 10; failures++) await limit.run(fail, time).catch(() => undefined);
    const widths: number[] = [];
    for (let round = 0; round < 30; round++) widths.push(await width(limit));
    expect(widths[0]).toBe(1);
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    expect(widths.at(-1)).toBe(50);
  });

  it('is halved once by calls that fail together', async () => {
    const limit = aLimit();
    await Promise.allSettled(Array.from({ length: 50 }, () => limit.run(fail, time)));
    expect(await width(limit)).toBe(25);
  });

  it('is not lowered by another failure', async () => {
    const limit = aLimit();
    await Promise.allSettled(Array.from({ length: 9 }, () => limit.run(() => Promise.reject(new Error('no')), time)));
    expect(await width(limit)).toBe(50);
  });

  it('lets no call wait longer than it may take, and gives its place to another', async () => {
    const limit = aLimit();
    const gate = Promise.withResolvers<string>();
    const running = Array.from({ length: 50 }, () => limit.run(() => gate.promise, time));
    const made: string[] = [];
    const waiting = limit.run(() => Promise.resolve(made.push('late')), { ...time, ms: 5 });
    await expect(waiting).rejects.toThrow('late');
    gate.resolve('done');
    expect(new Set(await Promise.all(running))).toEqual(new Set(['done']));
    expect(made).toEqual([]);
    expect(await width(limit)).toBe(50);
  });

  it('lets waiting calls go when they are abandoned', async () => {
    const limit = aLimit();
    const abandoned = new AbortController();
    const gate = Promise.withResolvers<undefined>();
    const running = Array.from({ length: 50 }, () => limit.run(() => gate.promise, time));
    const waiting = limit.run(fail, { ...time, signal: abandoned.signal, onAbort: () => new Error('abandoned') });
    abandoned.abort();
    await expect(waiting).rejects.toThrow('abandoned');
    gate.resolve(undefined);
    await Promise.all(running);
    expect(await width(limit)).toBe(50);
  });
});
