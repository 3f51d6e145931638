import { setImmediate as turn } from 'node:timers/promises';
import { positionOfVersion } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import { joinRounds } from '../../../lib/relay/joined-rounds';
import type { Failure, PartitionBatch } from '../../../lib/relay/ports';
import type { PlannedBatch } from '../../../lib/relay/plan-round';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const request = { by: 'someone', at: 1, why: 'a test' };
const poison: Failure = { kind: 'poison', reason: 'message-refused', message: 'no' };
const outage: Failure = { kind: 'outage', message: 'unavailable' };
const KEYS = 16;
const EVENTS = 10;
const keys = Array.from({ length: KEYS }, (_, at) => `k${at}`);
const idOf = (key: string, event: number): string => `${key}-${event}`;
const ALL_IDS = keys.flatMap((key) => Array.from({ length: EVENTS }, (_, event) => idOf(key, event)));

/** Keys with open items whose events alternate between two topics, and a signal that asks to drain each. */
function aBacklog(options: Parameters<typeof aRelayOverTable>[0] = {}) {
  const world = aRelayOverTable(options, {}, { nextTurn: turn });
  const { kafka, table, clock } = world;
  kafka.topics.set('orders', 1).set('payments', 1);
  for (const key of keys) {
    for (let event = 0; event < EVENTS; event++) {
      const topic = event % 2 === 0 ? 'orders' : 'payments';
      table.put(anItem({ key, version: event + 1, events: [anEvent({ id: idOf(key, event), topic })] }));
    }
  }
  const publish = kafka.publish.bind(kafka);
  kafka.publish = async (batches) => {
    // Longer than a drain needs for its next round.
    for (let turns = 0; turns < 20; turns++) await turn();
    return publish(batches);
  };
  return {
    ...world,
    signals: keys.map((key) =>
      table.putSignal(newSignal(`order#${key}`, clock.at, { kind: 'drain', from: positionOfVersion(1), request })),
    ),
    idsOf: (key: string) => kafka.log.filter((sent) => sent.key === key).map(({ id }) => id),
  };
}

const refuseId =
  (refused: string, failure: Failure) =>
  ({ messages }: PartitionBatch): Failure | undefined =>
    messages.some(({ headers }) => headers['ce_id'] === refused) ? failure : undefined;

const inOrder = (key: string): string[] => Array.from({ length: EVENTS }, (_, event) => idOf(key, event));

describe('drains of several keys', () => {
  it('share their sends, and keep the order of each key', async () => {
    const { signals, handle, kafka, idsOf } = aBacklog();

    expect(await handle(signals, plentyOfTime)).toBeUndefined();

    for (const key of keys) expect(idsOf(key)).toEqual(inOrder(key));
    // One for each change of the topic, and those of the drains that began last.
    expect(kafka.publishes.length).toBeLessThanOrEqual(EVENTS + 2);
  });

  it('hold only the key whose message is refused', async () => {
    const { signals, handle, kafka, table, idsOf } = aBacklog();
    const refused = idOf('k7', 4);
    kafka.refuse = refuseId(refused, poison);

    expect(await handle(signals, plentyOfTime)).toBeUndefined();

    for (const key of keys) expect(idsOf(key)).toEqual(key === 'k7' ? inOrder(key).slice(0, 4) : inOrder(key));
    expect([...table.holds.keys()]).toEqual(['order#k7']);
    expect(table.holds.get('order#k7')).toMatchObject({ position: positionOfVersion(5), reason: 'message-refused' });
  });

  it('send nothing twice after a send that failed, and nothing after it of the same key', async () => {
    const { signals, handle, newProcess, kafka, idsOf } = aBacklog();
    let sends = 0;
    kafka.refuse = ({ topic }) => (topic === 'payments' && ++sends > 3 ? outage : undefined);

    expect(await handle(signals, plentyOfTime)).toBe(0);

    for (const key of keys) expect(idsOf(key)).toEqual(inOrder(key).slice(0, idsOf(key).length));
    kafka.refuse = () => undefined;
    await newProcess().handle(signals, plentyOfTime);
    for (const key of keys) expect(idsOf(key)).toEqual(inOrder(key));
  });

  it('keep the limits of a round', async () => {
    const { signals, handle, kafka, idsOf } = aBacklog({ maxMessages: 3 });

    expect(await handle(signals, plentyOfTime)).toBeUndefined();

    for (const key of keys) expect(idsOf(key)).toEqual(inOrder(key));
    for (const batches of kafka.publishes) {
      expect(batches.reduce((sum, { messages }) => sum + messages.length, 0)).toBeLessThanOrEqual(3);
    }
  });

  it('begin no send for which no time is left', async () => {
    const { signals, handle, newProcess, kafka, idsOf } = aBacklog();

    await handle(signals, () => (kafka.publishes.length < 5 ? 60_000 : 999));

    expect(kafka.publishes).toHaveLength(5);
    expect(kafka.log.length).toBeLessThan(ALL_IDS.length);
    await newProcess().handle(signals, plentyOfTime);
    for (const key of keys) expect(new Set(idsOf(key))).toEqual(new Set(inOrder(key)));
  });
});

describe('joinRounds', () => {
  const limits = { maxMessages: 10, maxBatchBytes: 1_000 };
  const round = (key: string, bytes: number, topic = 'orders'): readonly PlannedBatch[] => {
    const message = { topic, key: Buffer.from(key), value: Buffer.alloc(bytes), headers: {} };
    return [{ topic, partition: 0, messages: [message], messageRefs: [] }];
  };
  const keysOf = (batches: readonly PlannedBatch[]): Record<string, string[]> =>
    Object.fromEntries(batches.map(({ topic, messages }) => [topic, messages.map(({ key }) => key.toString())]));

  it('joins the messages for one partition in the order of the rounds', () => {
    const joined = joinRounds([round('a', 10), round('b', 10, 'payments'), round('c', 10)], limits);

    expect(joined.count).toBe(3);
    expect(keysOf(joined.batches)).toEqual({ orders: ['a', 'c'], payments: ['b'] });
  });

  it('ends before a round that would make a batch too large: a later, smaller one does not overtake it', () => {
    const joined = joinRounds([round('a', 500), round('b', 600), round('c', 10)], limits);

    expect(joined.count).toBe(1);
    expect(keysOf(joined.batches)).toEqual({ orders: ['a'] });
  });

  it('sends a message above the limit alone', () => {
    expect(joinRounds([round('a', 2_000), round('b', 10)], limits).count).toBe(1);
    expect(joinRounds([round('a', 10), round('b', 2_000, 'payments')], limits).count).toBe(1);
  });

  it('applies the limit that a topic was seen to have', () => {
    const joined = joinRounds([round('a', 100), round('b', 100)], { ...limits, batchBytesOf: () => 250 });

    expect(joined.count).toBe(1);
  });
});
