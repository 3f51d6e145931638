import fc from '../../../builders/fast-check';
import { sequenceOf, type CommittedEvent, type Delivery, type ItemState } from '../../../../examples/demo/record';
import {
  isPassed,
  judge,
  percentile,
  verdictLine,
  verdictWords,
  type Observations,
} from '../../../../examples/demo/verdict';

const KEYS = ['a', 'b'] as const;
const VERSIONS = 3;

const event = (key: string, version: number): CommittedEvent => ({
  id: `${key}${version}`,
  type: 'order.placed',
  topic: 'orders',
  stream: `/shop/order ${key}`,
  key,
  sequence: sequenceOf(String(version).padStart(16, '0'), 0),
  committedAt: 1_000,
});

const delivered = ({ id, topic, stream, sequence, key }: CommittedEvent, offset: number): Delivery => ({
  ...{ id, topic, stream, sequence },
  partition: KEYS.indexOf(key as 'a'),
  offset: BigInt(offset),
  arrivedAt: 1_050,
});

const marked = ({ id, key }: CommittedEvent): ItemState => ({
  pk: `order#${key}`,
  sk: id,
  events: [id],
  processedAt: 1_040,
  expiresAt: 90_000,
  receipts: 1,
});

/** Two keys with three events each, all delivered in order and marked, with the given changes. */
function observations(change: Partial<Observations> = {}): Observations {
  const committed = KEYS.flatMap((key) => Array.from({ length: VERSIONS }, (_, index) => event(key, index + 1)));
  const readModel = {
    shipments: KEYS.map((key) => ({ orderId: key, version: VERSIONS, changes: VERSIONS })),
    ...{ deliveredTwice: 0, ignored: 0, ownReads: [] },
  };
  return { committed, deliveries: committed.map(delivered), items: committed.map(marked), readModel, ...change };
}

const good = observations();
const at = (index: number): Delivery => good.deliveries[index]!;

describe('judge', () => {
  it('passes when everything arrived in order and is marked', () => {
    const verdict = judge(good);
    expect(verdict).toEqual({
      ...{ committed: 6, delivered: 6, lost: 0, duplicates: 0, reordered: 0, pending: 0 },
      ...{ unexplained: 0, unsoundItems: 0, latencyMs: { p50: 50, p99: 50 } },
      shipping: {
        ...{ effects: 6, deliveredTwice: 0, ignored: 0, wrongOrders: 0, ownReads: 0, staleReads: 0 },
        slowestReadMs: null,
      },
    });
    expect(isPassed(verdict)).toBe(true);
  });

  it('counts a committed event that never arrived as lost', () => {
    const verdict = judge(observations({ deliveries: good.deliveries.slice(1) }));
    expect(verdict).toMatchObject({ delivered: 5, lost: 1, reordered: 0 });
    expect(isPassed(verdict)).toBe(false);
  });

  it('counts a second record of an event as a duplicate and passes', () => {
    const verdict = judge(observations({ deliveries: [...good.deliveries, { ...at(0), offset: 99n }] }));
    expect(verdict).toMatchObject({ delivered: 6, duplicates: 1, reordered: 0 });
    expect(isPassed(verdict)).toBe(true);
  });

  it('ignores a record that the consumer read twice', () => {
    expect(judge(observations({ deliveries: [...good.deliveries, at(0)] }))).toMatchObject({ duplicates: 0 });
  });

  it('counts an event that came after a later one of its key as reordered', () => {
    const deliveries = [{ ...at(1), offset: 0n }, { ...at(0), offset: 1n }, ...good.deliveries.slice(2)];
    const verdict = judge(observations({ deliveries }));
    expect(verdict).toMatchObject({ reordered: 1, lost: 0 });
    expect(isPassed(verdict)).toBe(false);
  });

  it('trusts the log, not the order in which records were noted down', () => {
    expect(judge(observations({ deliveries: good.deliveries.toReversed() }))).toMatchObject({ reordered: 0 });
  });

  it('does not trust a sequence that hides a wrong order', () => {
    const deliveries = [
      { ...at(1), offset: 0n, sequence: at(0).sequence },
      { ...at(0), offset: 1n, sequence: at(1).sequence },
      ...good.deliveries.slice(2),
    ];
    expect(judge(observations({ deliveries }))).toMatchObject({ reordered: 1 });
  });

  it('counts a sequence that goes backwards, although the events are in order, as reordered', () => {
    const deliveries = [{ ...at(0), sequence: at(2).sequence }, ...good.deliveries.slice(1)];
    expect(judge(observations({ deliveries })).reordered).toBe(2);
  });

  it('counts an event on another partition than its key as reordered', () => {
    const deliveries = [at(0), { ...at(1), partition: 7 }, ...good.deliveries.slice(2)];
    expect(judge(observations({ deliveries }))).toMatchObject({ reordered: 1 });
  });

  it('requires no order between keys', () => {
    const deliveries = good.deliveries.map((delivery, index) => ({
      ...delivery,
      partition: 0,
      offset: BigInt((index % VERSIONS) * KEYS.length + Math.floor(index / VERSIONS)),
    }));
    expect(judge(observations({ deliveries }))).toMatchObject({ reordered: 0 });
  });

  it('requires no order between duplicates and earlier events', () => {
    const again = good.deliveries.map((delivery) => ({ ...delivery, offset: delivery.offset + 100n }));
    const verdict = judge(observations({ deliveries: [...good.deliveries, ...again] }));
    expect(verdict).toMatchObject({ duplicates: 6, reordered: 0 });
  });

  it('counts an item without a mark as pending', () => {
    const [first, ...rest] = good.items;
    const pending = { ...first!, processedAt: undefined, expiresAt: undefined, receipts: 0 };
    const verdict = judge(observations({ items: [pending, ...rest] }));
    expect(verdict).toMatchObject({ pending: 1, unsoundItems: 0 });
    expect(isPassed(verdict)).toBe(false);
  });

  it.each([
    ['is pending and can expire', { processedAt: undefined }],
    ['is marked and never expires', { expiresAt: undefined }],
    ['is marked and lacks a receipt', { receipts: 0 }],
  ])('reports an item that %s', (_, change) => {
    const [first, ...rest] = good.items;
    const verdict = judge(observations({ items: [{ ...first!, ...change }, ...rest] }));
    expect(verdict).toMatchObject({ unsoundItems: 1 });
    expect(isPassed(verdict)).toBe(false);
  });

  it('reports an event that no writer had committed', () => {
    const verdict = judge(observations({ committed: good.committed.slice(0, -1) }));
    expect(verdict).toMatchObject({ committed: 5, delivered: 6, lost: 0, unexplained: 1 });
    expect(isPassed(verdict)).toBe(false);
  });

  it('finds every missing delivery, for any selection of deliveries', () => {
    fc.assert(
      fc.property(fc.subarray([...good.deliveries]), (deliveries) => {
        const { lost, delivered: arrived, reordered } = judge(observations({ deliveries }));
        expect([lost, arrived, reordered]).toEqual([6 - deliveries.length, deliveries.length, 0]);
      }),
    );
  });

  it('passes no other order of a key than the true one', () => {
    const ofKey = good.deliveries.slice(0, VERSIONS);
    fc.assert(
      fc.property(fc.shuffledSubarray(ofKey, { minLength: VERSIONS }), (shuffled) => {
        const deliveries = shuffled.map((delivery, index) => ({ ...delivery, offset: BigInt(index) }));
        const inOrder = shuffled.every(({ id }, index) => id === ofKey[index]?.id);
        expect(judge(observations({ deliveries })).reordered === 0).toBe(inOrder);
      }),
    );
  });

  it('has no latency when nothing arrived', () => {
    expect(judge(observations({ deliveries: [] })).latencyMs).toEqual({ p50: null, p99: null });
  });
});

describe("shipping's read model", () => {
  const withShipments = (change: { version?: number; changes?: number }) => {
    const [first, ...others] = good.readModel.shipments;
    return judge(observations({ readModel: { ...good.readModel, shipments: [{ ...first!, ...change }, ...others] } }));
  };

  it.each([
    ['an effect that happened twice', { changes: VERSIONS + 1 }],
    ['an effect that is missing', { changes: VERSIONS - 1 }],
    ['a row that does not show the last event', { version: VERSIONS - 1 }],
  ])('fails for %s', (_, change) => {
    const verdict = withShipments(change);
    expect(verdict.shipping.wrongOrders).toBe(1);
    expect(isPassed(verdict)).toBe(false);
  });

  it('fails for an order that it does not show, and for one that no writer placed', () => {
    const [first] = good.readModel.shipments;
    const shipments = [first!, { orderId: 'c', version: 1, changes: 1 }];
    expect(judge(observations({ readModel: { ...good.readModel, shipments } })).shipping.wrongOrders).toBe(2);
  });

  it('ignores events that shipping has no handler for', () => {
    const [first] = good.committed;
    const committed = [...good.committed, { ...first!, id: 'r', type: 'order.refund-due' }];
    expect(judge(observations({ committed })).shipping.wrongOrders).toBe(0);
  });

  it('fails for a read that does not show what was written', () => {
    const read = { orderId: 'a', version: 3, shown: true, status: 'shipped', afterMs: 70 };
    const verdict = judge(
      observations({ readModel: { ...good.readModel, ownReads: [read, { ...read, shown: false, afterMs: 90 }] } }),
    );
    expect(verdict.shipping).toMatchObject({ ownReads: 2, staleReads: 1, slowestReadMs: 90 });
    expect(isPassed(verdict)).toBe(false);
    expect(verdictWords(verdict)).toEqual(['1 reads after waiting for a token did not show what was written.']);
  });

  it('reports the duplicates and reads of a run that passed', () => {
    const words = verdictWords(
      judge(
        observations({
          deliveries: [...good.deliveries, { ...at(0), offset: 99n }],
          readModel: {
            ...good.readModel,
            ...{ deliveredTwice: 1, ignored: 1 },
            ownReads: [{ orderId: 'a', version: 3, shown: true, status: 'shipped', afterMs: 70 }],
          },
        }),
      ),
    );
    expect(words.slice(1)).toEqual([
      'Lost 0, reordered 0, pending 0; 1 duplicates, 1 of them made on purpose.',
      "Shipping's read model: 6 effects, each once; 1 deliveries were duplicates and ignored.",
      '1 writes were read back from it after waitUntilApplied(token), the slowest 70 ms after its commit.',
    ]);
  });
});

describe('percentile', () => {
  it('is the nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect([percentile(values, 50), percentile(values, 99), percentile([7], 99)]).toEqual([100, 198, 7]);
  });
});

describe('the texts of a verdict', () => {
  it('are one JSON object with the promised fields', () => {
    expect(verdictLine(judge(good))).toBe(
      '{"committed":6,"delivered":6,"lost":0,"duplicates":0,"reordered":0,"pending":0,"latencyMs":{"p50":50,"p99":50},' +
        '"shipping":{"effects":6,"deliveredTwice":0,"ignored":0,"wrongOrders":0,"ownReads":0,"staleReads":0,"slowestReadMs":null}}',
    );
  });

  it('name the faults and nothing else', () => {
    expect(verdictWords(judge(observations({ deliveries: good.deliveries.slice(2) })))).toEqual([
      '2 committed events did not arrive.',
    ]);
  });

  it('do not praise a run without events', () => {
    const readModel = { ...good.readModel, shipments: [] };
    expect(verdictWords(judge({ committed: [], deliveries: [], items: [], readModel }))).toEqual([
      'Nothing was committed, so nothing was published.',
    ]);
  });
});
