import { setImmediate as turn } from 'node:timers/promises';
import fc from '../../builders/fast-check';
import { aRecord, aRig, feed, MemoryClient, unreachable } from '../../builders/consume';
import type { ConsumedRecord } from '../../../lib/consumer';

interface Fault {
  /** Before the write nothing has happened; after it only the response is lost. */
  readonly at: 'before' | 'after';
  readonly every: number;
}

/** A partition's contents: events of some keys in order, some of them published again later, as after a lost mark. */
const partition = fc
  .record({
    events: fc.array(fc.constantFrom('a', 'b', 'plain'), {
      minLength: 1,
      maxLength: 25,
    }),
    again: fc.array(fc.tuple(fc.nat({ max: 24 }), fc.nat({ max: 5 })), { maxLength: 5 }),
  })
  .map(({ events, again }): ConsumedRecord[] => {
    const versions = new Map<string, number>();
    // A key either has versions or has none.
    const first = events.map((key, at) => {
      const version = (versions.get(key) ?? 0) + 1;
      versions.set(key, version);
      return key === 'plain' ? { key, id: `plain.${at}` } : { key, version };
    });
    const repeated = again.flatMap(([from, length]) => first.slice(from, from + length));
    return [...first, ...repeated].map((change, offset) => aRecord({ ...change, offset: offset + 1 }));
  });

const deliveries = fc.record({
  records: partition,
  /** The offsets at which each consumer is killed or loses the partition, and how far back the next one begins. */
  crashes: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 4 }),
  /** Whether the consumer that lost the partition goes on next to its successor. */
  zombies: fc.boolean(),
  fault: fc.option(
    fc.record({ at: fc.constantFrom<'before' | 'after'>('before', 'after'), every: fc.integer({ min: 2, max: 7 }) }),
  ),
  delays: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 7 }),
  together: fc.constantFrom(1, 3),
});

/** Delays each write differently, and makes some of them fail. */
function inject(client: MemoryClient, fault: Fault | null, delays: readonly number[]): void {
  let calls = 0;
  const fail = (): void => {
    if (fault !== null && calls % fault.every === 0) throw unreachable();
  };
  client.beforeWrite = async () => {
    calls++;
    for (let left = delays[calls % delays.length] ?? 0; left > 0; left--) await turn();
    if (fault?.at === 'before') fail();
  };
  if (fault?.at === 'after') client.afterWrite = fail;
}

const idOf = ({ headers }: ConsumedRecord): string => String(headers['ce_id']);
const keyOf = ({ key }: ConsumedRecord): string => String(key);

it('every effect happens once and in the order of its key, whatever repeats, dies, freezes or is lost', async () => {
  await fc.assert(
    fc.asyncProperty(deliveries, async ({ records, crashes, zombies, fault, delays, together }) => {
      const client = new MemoryClient();
      let effects = 0;
      inject(client, fault, delays);
      const clock = { now: () => Date.now() };
      const rig = () =>
        aRig(
          {
            clock,
            markerRetentionMs: 3_000 * 24 * 3600_000,
            eventsOfKeyPerTransaction: together,
            // The effects have no condition of their own against a second application.
            handlers: {
              'order.placed': ({ id }) => [{ Put: { TableName: 'effects', Item: { id: `${id}~${++effects}` } } }],
            },
          },
          client,
        );
      let from = 0n;
      const running: Promise<unknown>[] = [];
      for (const crash of crashes) {
        const end = new AbortController();
        const batch = records.filter(({ offset }) => offset >= from);
        const feeding = feed(rig(), batch, { signal: end.signal });
        for (let left = crash; left > 0; left--) await turn();
        end.abort();
        if (zombies) running.push(feeding);
        else from = (await feeding).committable ?? from;
      }
      const last = rig();
      const { committable } = await feed(
        last,
        records.filter(({ offset }) => offset >= from),
      );
      await Promise.all(running);

      const expected = [...new Set(records.map(idOf))];
      const applied = client.effects().map((effect) => effect.split('~')[0] ?? '');
      expect(applied.toSorted()).toEqual(expected.toSorted());
      for (const key of new Set(records.map(keyOf))) {
        const ofKey = new Set(records.filter((record) => keyOf(record) === key).map(idOf));
        expect(applied.filter((id) => ofKey.has(id))).toEqual([...ofKey]);
      }
      expect(committable ?? from).toBe(BigInt(records.length) + 1n);
      expect(last.told.of('attemptFailed')).toEqual([]);
      expect(last.told.of('late')).toEqual([]);
      expect(last.deadLetters.sent).toEqual([]);
    }),
    { numRuns: 60 },
  );
}, 60_000);
