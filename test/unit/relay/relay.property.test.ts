import fc from '../../builders/fast-check';
import { anEvent, anItem, insertOf } from '../../builders/items';
import { aRelay, plentyOfTime } from '../../builders/relay-ports';
import type { OutboxItem } from '../../../lib/event/item';
import type { Failure, PartitionBatch } from '../../../lib/relay/ports';

const TOPICS = ['orders', 'audit', 'nowhere'];
const outage: Failure = { kind: 'outage', message: 'no broker' };
const poison: Failure = { kind: 'poison', reason: 'message-too-large', message: 'too large' };

/** Keys with versions 1…n, each with one to three events, interleaved at random. */
const stream = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      topics: fc.array(fc.nat(11), { minLength: 1, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((writes) => {
    const versions = new Map<string, number>();
    return writes.map(({ key, topics }) => {
      const version = (versions.get(key) ?? 0) + 1;
      versions.set(key, version);
      const events = topics.map((topic, at) =>
        anEvent({ id: `${key}${version}.${at}`, topic: topic === 0 ? TOPICS[2] : TOPICS[topic % 2] }),
      );
      return anItem({ key, version, events });
    });
  });

const faults = fc.record({
  poisonous: fc.uniqueArray(fc.nat(39), { maxLength: 4 }),
  outages: fc.array(fc.boolean(), { maxLength: 12 }),
  markFailures: fc.array(fc.boolean(), { maxLength: 12 }),
  parkFailures: fc.array(fc.boolean(), { maxLength: 4 }),
  restarts: fc.array(fc.boolean(), { maxLength: 8 }),
  maxBatchBytes: fc.constantFrom(10, 1_500, 1_000_000),
  maxMessages: fc.constantFrom(1, 3, 1_000),
});

type Faults = typeof faults extends fc.Arbitrary<infer T> ? T : never;

/** Delivers as Lambda does until every record is settled: from the failed record on, in this process or a new one. */
async function deliver(items: readonly OutboxItem[], f: Faults) {
  const { kafka, table, newProcess } = aRelay({ maxBatchBytes: f.maxBatchBytes, maxMessages: f.maxMessages });
  kafka.topics.set('audit', 2);
  const poisoned = new Set(f.poisonous.flatMap((at) => items[at]?.events.at(-1)?.id ?? []));
  const [outages, markFailures, parkFailures, restarts] = [f.outages, f.markFailures, f.parkFailures, f.restarts].map(
    (script) => [...script],
  );
  kafka.refuse = (batch: PartitionBatch) => {
    if (outages?.shift() === true) return outage;
    return batch.messages.some(({ headers }) => poisoned.has(headers['ce_id'] ?? '')) ? poison : undefined;
  };
  table.failMark = () => markFailures?.shift() === true;
  table.failPark = () => parkFailures?.shift() === true;
  const records = items.map((item, at) => insertOf(item, at + 1));
  let relay = newProcess();
  let from: number | undefined = 0;
  for (let invocation = 0; from !== undefined; invocation++) {
    if (invocation > 100) throw new Error('the shard is stuck');
    const before: number = from;
    const failed = await relay.handle(records.slice(before), plentyOfTime);
    from = failed === undefined ? undefined : before + failed;
    if (restarts?.shift() === true) relay = newProcess();
  }
  return { kafka, table };
}

describe('with random failures', () => {
  it('every event is published or its key is held at or before it, and every published item is marked', async () => {
    await fc.assert(
      fc.asyncProperty(stream, faults, async (items, f) => {
        const { kafka, table } = await deliver(items, f);
        const published = new Set(kafka.log.map(({ id }) => id));
        for (const item of items) {
          const hold = table.holds.get(item.pk);
          if (hold !== undefined && item.sk >= hold.position) {
            expect(table.marks.has(item.id)).toBe(false);
          } else {
            expect(item.events.filter(({ id }) => !published.has(id))).toEqual([]);
            expect(table.marks.has(item.id)).toBe(true);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('the first deliveries of a key follow its positions', async () => {
    await fc.assert(
      fc.asyncProperty(stream, faults, async (items, f) => {
        const { kafka } = await deliver(items, f);
        const expected = items.flatMap(({ events }) => events.map(({ id }) => id));
        for (const key of ['a', 'b', 'c', 'd', 'e']) {
          const first = [...new Set(kafka.log.filter((sent) => sent.key === key).map(({ id }) => id))];
          expect(first).toEqual(expected.filter((id) => first.includes(id)));
          expect(first).toEqual(expected.filter((id) => id.startsWith(key)).slice(0, first.length));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('receipts name the true positions of the messages', async () => {
    await fc.assert(
      fc.asyncProperty(stream, faults, async (items, f) => {
        const { kafka, table } = await deliver(items, f);
        const at = new Map(
          kafka.log.map(({ topic, partition, offset, id }) => [`${topic}-${partition}@${offset}`, id]),
        );
        for (const item of items) {
          const mark = table.marks.get(item.id);
          if (mark === undefined) continue;
          expect(mark.receipts.map((r) => at.get(`${r.topic}-${r.partition}@${r.offset}`))).toEqual(
            item.events.map(({ id }) => id),
          );
        }
      }),
      { numRuns: 1000 },
    );
  });
});
