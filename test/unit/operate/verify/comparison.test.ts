import fc from '../../../builders/fast-check';
import { positionOfVersion } from '../../../../lib/event/position';
import { formatReceipt } from '../../../../lib/event/receipt';
import { uuidV7 } from '../../../../lib/event/uuid';
import {
  TopicComparison,
  type VerifyFinding,
  type PartitionExtent,
  type SeenMessage,
  type TopicsExtent,
  type VerifyTotals,
  type VerifiedItem,
} from '../../../../lib/operate/verify/comparison';

const NOW = Date.UTC(2026, 0, 2);
const MINUTE = 60_000;

const anItem = (version: number, change: Partial<VerifiedItem> = {}): VerifiedItem => ({
  pk: 'order#a',
  position: positionOfVersion(version),
  key: 'a',
  source: '/shop/order',
  committedAt: NOW + version,
  state: 'processed',
  receipts: [`orders-0@${version - 1}`],
  events: [{ id: `a${version}`, topic: 'orders' }],
  ...change,
});
const aMessage = (offset: number, id: string, change: Partial<SeenMessage> = {}): SeenMessage => ({
  topic: 'orders',
  partition: 0,
  offset: BigInt(offset),
  timestamp: NOW + 1_000,
  key: 'a',
  id,
  source: '/shop/order',
  isReplay: false,
  ...change,
});
const anExtent = (end: number, change: Partial<PartitionExtent> = {}): PartitionExtent => ({
  topic: 'orders',
  partition: 0,
  low: 0n,
  end: BigInt(end),
  ...change,
});

type Compared = VerifyTotals & { readonly findings: readonly VerifyFinding[] };

function resultOf(comparison: TopicComparison, read: TopicsExtent): Compared {
  const findings: VerifyFinding[] = [];
  const all = comparison.findings(read);
  for (;;) {
    const { done, value } = all.next();
    if (done === true) return { ...value, findings };
    findings.push(value);
  }
}

function compared(
  items: readonly VerifiedItem[],
  messages: readonly SeenMessage[],
  extents = [anExtent(messages.length)],
  unreadTopics: readonly string[] = [],
): Compared {
  const comparison = new TopicComparison();
  for (const item of items) comparison.add(item);
  for (const message of messages) comparison.see(message);
  return resultOf(comparison, { extents, unreadTopics: new Set(unreadTopics) });
}
const brief = ({ findings }: Compared): string[] => findings.map(({ kind, id }) => `${kind} ${id}`);

const three = [1, 2, 3].map((version) => anItem(version));
const threeMessages = [aMessage(0, 'a1'), aMessage(1, 'a2'), aMessage(2, 'a3')];

it('finds nothing wrong where every message lies where its receipt says', () => {
  expect(compared(three, threeMessages)).toEqual({
    findings: [],
    expired: 0,
    replaced: 0,
    undecided: 0,
    unread: 0,
    messages: { read: 3, replayed: 0, unknown: 0 },
  });
});

it('says what must be read: the topics, and each partition from its lowest receipt on', () => {
  const comparison = new TopicComparison();
  for (const item of [anItem(3), anItem(2), anItem(9, { state: 'pending', receipts: [] })]) comparison.add(item);
  expect([...comparison.topics]).toEqual(['orders']);
  expect(comparison.receiptRange('orders', 0)).toEqual({ lowest: 1n, highest: 2n });
  expect(comparison.receiptRange('orders', 1)).toBeUndefined();
});

describe('missing', () => {
  it('is an event in whose place another message lies', () => {
    const result = compared(three, [aMessage(0, 'a1'), aMessage(1, 'other'), aMessage(2, 'a3')]);
    expect(result.findings).toEqual([
      {
        kind: 'missing',
        pk: 'order#a',
        position: positionOfVersion(2),
        index: 0,
        id: 'a2',
        topic: 'orders',
        receipt: 'orders-0@1',
      },
    ]);
    expect(result.messages.unknown).toBe(1);
  });

  it.each([
    ['key', { key: 'b' }],
    ['source', { source: '/shop/customer' }],
    ['topic', { topic: 'audit' }],
  ])('is an event whose id lies there under another %s', (_, change) => {
    const messages = [aMessage(0, 'a1'), aMessage(1, 'other'), aMessage(2, 'a3'), aMessage(3, 'a2', change)];
    expect(brief(compared(three, messages))).toEqual(['missing a2']);
  });

  it('is an event whose receipt is beyond the end, as in a topic that was made again', () => {
    expect(brief(compared(three, threeMessages.slice(0, 2)))).toEqual(['missing a3']);
  });

  it('is every event of a topic or a partition that does not exist', () => {
    expect(brief(compared(three, [], []))).toEqual(['missing a1', 'missing a2', 'missing a3']);
    expect(brief(compared([anItem(1, { receipts: ['orders-7@0'] })], [aMessage(0, 'other')]))).toEqual(['missing a1']);
  });

  it('is a processed event without a receipt that lies nowhere', () => {
    expect(brief(compared([anItem(1, { receipts: [] })], []))).toEqual(['missing a1']);
  });

  it('is not an event that is not yet processed, or was discarded', () => {
    const items = (['pending', 'parked', 'discarded'] as const).map((state, at) =>
      anItem(at + 1, { state, receipts: [] }),
    );
    expect(compared(items, [])).toMatchObject({ findings: [], expired: 0 });
  });

  it('is not an event that a replay published again: its old receipt is expected then, and counted apart', () => {
    const messages = [aMessage(0, 'other'), aMessage(1, 'a1', { isReplay: true })];
    expect(compared([anItem(1)], messages)).toMatchObject({ findings: [], replaced: 1 });
  });

  it('is each event of which not even a replay lies there, next to those that a replay published again', () => {
    const result = compared(three, [aMessage(0, 'a2', { isReplay: true }), aMessage(1, 'other')]);
    expect(brief(result)).toEqual(['missing a1', 'missing a3']);
    expect(result.replaced).toBe(1);
  });
});

describe('expired', () => {
  it('is an event below the low watermark', () => {
    const extents = [anExtent(3, { low: 2n, completeFromMs: NOW })];
    expect(compared(three, threeMessages.slice(2), extents)).toMatchObject({ findings: [], expired: 2 });
  });

  it('is an event that compaction has left a hole of', () => {
    const extents = [anExtent(3, { completeFromMs: NOW })];
    expect(compared(three, threeMessages.slice(2), extents)).toMatchObject({ findings: [], expired: 2 });
  });

  it('is not an event of which a duplicate remains, which is enough', () => {
    const extents = [anExtent(3, { low: 2n, completeFromMs: NOW })];
    expect(compared([anItem(1)], [aMessage(2, 'a1')], extents)).toMatchObject({ findings: [], expired: 0 });
  });
});

describe('duplicate', () => {
  it('is an event that lies there twice, and either place is a right receipt', () => {
    for (const receipts of [['orders-0@0'], ['orders-0@1']]) {
      const { findings } = compared([anItem(1, { receipts })], [aMessage(0, 'a1'), aMessage(1, 'a1')]);
      expect(findings).toMatchObject([{ kind: 'duplicate', id: 'a1', at: ['orders-0@0', 'orders-0@1'] }]);
    }
  });

  it('is not a replayed message', () => {
    const result = compared([anItem(1)], [aMessage(0, 'a1'), aMessage(1, 'a1', { isReplay: true })]);
    expect(result).toMatchObject({ findings: [], messages: { read: 2, replayed: 1, unknown: 0 } });
  });

  it('is not one of two events to which their writer gave one id', () => {
    const items = [anItem(1), anItem(2, { events: [{ id: 'a1', topic: 'orders' }] })];
    expect(brief(compared(items, [aMessage(0, 'a1'), aMessage(1, 'a1')]))).toEqual([]);
    expect(brief(compared(items, [aMessage(0, 'a1'), aMessage(1, 'a1'), aMessage(2, 'a1')]))).toEqual(['duplicate a1']);
  });
});

describe('reordered', () => {
  const swapped = [aMessage(0, 'a1'), aMessage(1, 'a3'), aMessage(2, 'a2')];
  const receiptOf = new Map([
    [1, 'orders-0@0'],
    [2, 'orders-0@2'],
    [3, 'orders-0@1'],
  ]);
  const items = [1, 2, 3].map((version) => anItem(version, { receipts: [receiptOf.get(version) ?? ''] }));

  it('is the event that was overtaken, whether or not it is marked yet', () => {
    expect(compared(items, swapped).findings).toMatchObject([
      { kind: 'reordered', id: 'a2', at: 'orders-0@2', overtakenBy: { id: 'a3', at: 'orders-0@1' } },
    ]);
    const unmarked = items.map((item) => ({ ...item, state: 'pending' as const }));
    expect(brief(compared(unmarked, swapped))).toEqual(['reordered a2']);
  });

  it('is not an event that was discarded and came all the same', () => {
    const discarded = items.map((item) =>
      item.receipts[0] === 'orders-0@2' ? { ...item, state: 'discarded' as const } : item,
    );
    expect(brief(compared(discarded, swapped))).toEqual([]);
  });

  it('is an event of an item that came before an earlier event of the same item', () => {
    const events = [
      { id: 'a1', topic: 'orders' },
      { id: 'a2', topic: 'orders' },
    ];
    const item = anItem(1, { events, receipts: ['orders-0@1', 'orders-0@0'] });
    expect(brief(compared([item], [aMessage(0, 'a2'), aMessage(1, 'a1')]))).toEqual(['reordered a1']);
  });

  it('is not what was first delivered in order and then once more', () => {
    const messages = ['a1', 'a2', 'a1', 'a2', 'a3'].map((id, at) => aMessage(at, id));
    expect(brief(compared(three.slice(0, 2), messages))).toEqual(['duplicate a1', 'duplicate a2']);
  });

  it('is not told from replayed messages, nor from another key or partition', () => {
    const replayed = [
      aMessage(0, 'a3', { isReplay: true }),
      ...threeMessages.map((m) => ({ ...m, offset: m.offset + 1n })),
    ];
    expect(brief(compared(three, replayed)).filter((text) => text.startsWith('reordered'))).toEqual([]);
    const otherKey = items.map((item, at) => (at === 1 ? { ...item, pk: 'customer#a' } : item));
    expect(brief(compared(otherKey, swapped))).toEqual([]);
    const otherPartition = swapped.map((m, at) => (at === 1 ? { ...m, partition: 1 } : m));
    expect(brief(compared(items, otherPartition)).filter((text) => text.startsWith('reordered'))).toEqual([]);
  });

  it('compares deliveries after partitions were added with each event’s very first', () => {
    const messages = [
      aMessage(0, 'a1'),
      aMessage(0, 'a2', { partition: 1, timestamp: NOW + 2_000 }),
      aMessage(1, 'a1', { partition: 1, timestamp: NOW + 3_000 }),
    ];
    const items = [anItem(1), anItem(2, { receipts: ['orders-1@0'] })];
    // The partitions may be read in any order.
    for (const shown of [messages, [...messages.slice(1), ...messages.slice(0, 1)]]) {
      expect(brief(compared(items, shown))).toEqual(['duplicate a1']);
    }
  });

  it('is undecided where a first delivery may have been removed', () => {
    const cut = [anExtent(5, { low: 3n, completeFromMs: NOW + 30 * MINUTE })];
    const messages = [aMessage(3, 'a2'), aMessage(4, 'a1')];
    const items = [anItem(1, { receipts: ['orders-0@4'] }), anItem(2, { receipts: ['orders-0@3'] })];
    expect(compared(items, messages, cut)).toMatchObject({ findings: [], undecided: 1 });
    const later = items.map((item) => ({ ...item, committedAt: NOW + 45 * MINUTE }));
    expect(brief(compared(later, messages, cut))).toEqual(['reordered a1']);
  });

  it.each([
    [5_000, []],
    [MINUTE, ['reordered a1']],
  ])('of positions that are clock readings %i ms apart: %j', (apartMs, expected) => {
    const items = [
      anItem(1, { position: uuidV7(NOW), receipts: ['orders-0@1'] }),
      anItem(2, { position: uuidV7(NOW + apartMs), receipts: ['orders-0@0'] }),
    ];
    expect(brief(compared(items, [aMessage(0, 'a2'), aMessage(1, 'a1')]))).toEqual(expected);
  });
});

describe('wrong-receipt', () => {
  it.each([
    ['where another event lies', 'orders-0@2'],
    ['beyond the end', 'orders-0@3'],
    ['in a partition that does not exist', 'orders-4@1'],
    ['in another topic', 'audit-0@1'],
    ['which is none', 'orders@1'],
  ])('names a place %s', (_, receipt) => {
    const items = three.map((item, at) => (at === 1 ? { ...item, receipts: [receipt] } : item));
    expect(compared(items, threeMessages).findings).toMatchObject([
      { kind: 'wrong-receipt', id: 'a2', receipt, at: ['orders-0@1'] },
    ]);
  });

  it('is one that a processed item lacks', () => {
    expect(brief(compared([anItem(1, { receipts: [] })], [aMessage(0, 'a1')]))).toEqual(['wrong-receipt a1']);
    const replayed = aMessage(0, 'a1', { isReplay: true });
    expect(brief(compared([anItem(1, { receipts: [] })], [replayed]))).toEqual(['wrong-receipt a1']);
  });
});

describe('not-readable-yet', () => {
  const since = NOW - 3 * MINUTE;
  const held = [anExtent(1, { heldBack: { end: 3n, sinceMs: since } })];

  it('is an event behind an unfinished transaction, which is not missing', () => {
    const result = compared(three, threeMessages.slice(0, 1), held);
    expect(result.findings).toEqual([
      expect.objectContaining({ kind: 'not-readable-yet', id: 'a2', receipt: 'orders-0@1', sinceMs: since }),
      expect.objectContaining({ kind: 'not-readable-yet', id: 'a3', receipt: 'orders-0@2', sinceMs: since }),
    ]);
  });

  it('is not an event whose receipt lies beyond all that is acknowledged', () => {
    const beyond = [anItem(1), anItem(2, { receipts: ['orders-0@3'] })];
    expect(brief(compared(beyond, threeMessages.slice(0, 1), held))).toEqual(['missing a2']);
  });

  it('is not an event before it, nor one that was found elsewhere', () => {
    const messages = [aMessage(0, 'other')];
    expect(brief(compared([anItem(1)], messages, held))).toEqual(['missing a1']);
    expect(brief(compared([anItem(2)], [aMessage(0, 'a2')], held))).toEqual([]);
  });
});

describe('where a part of a topic could not be read', () => {
  it('an event that was not found is neither missing nor well', () => {
    const result = compared(three, threeMessages.slice(0, 1), [anExtent(1)], ['orders']);
    expect(result).toMatchObject({ findings: [], unread: 2, expired: 0 });
    // Its receipt names an offset that was read, but its message may be in the part that was not.
    expect(compared([anItem(1)], [aMessage(0, 'other')], [anExtent(1)], ['orders'])).toMatchObject({ unread: 1 });
    expect(compared(three, [], [], ['orders'])).toMatchObject({ findings: [], unread: 3 });
  });

  it('the events of another topic are compared as before', () => {
    expect(compared(three, threeMessages.slice(0, 2), [anExtent(2)], ['audit'])).toMatchObject({ unread: 0 });
    expect(brief(compared(three, threeMessages.slice(0, 2), [anExtent(2)], ['audit']))).toEqual(['missing a3']);
  });

  it('duplicates that were seen are told, and an order is not proven', () => {
    const messages = [aMessage(0, 'a2'), aMessage(1, 'a1'), aMessage(2, 'a1')];
    const items = [anItem(1, { receipts: ['orders-0@1'] }), anItem(2, { receipts: ['orders-0@0'] })];
    const result = compared(items, messages, [anExtent(3)], ['orders']);
    expect(brief(result)).toEqual(['duplicate a1']);
    expect(result.undecided).toBe(1);
  });
});

describe('what consumers never see', () => {
  it('occupies its offset: an event whose receipt names it is missing, not removed by compaction', () => {
    for (const hidden of ['marker', 'nothing'] as const) {
      const comparison = new TopicComparison();
      for (const item of three) comparison.add(item);
      comparison.see(aMessage(0, 'a1'));
      if (hidden === 'marker') comparison.seeHidden({ topic: 'orders', partition: 0, offset: 1n });
      comparison.see(aMessage(2, 'a3'));
      const result = resultOf(comparison, { extents: [anExtent(3)] });
      expect(brief(result)).toEqual(hidden === 'marker' ? ['missing a2'] : []);
      expect(result.expired).toBe(hidden === 'marker' ? 0 : 1);
    }
  });
});

it('keeps ten places of an event, and counts all of its copies', () => {
  const messages = Array.from({ length: 40 }, (_, at) => aMessage(at, 'a1'));
  const [finding] = compared([anItem(1, { receipts: ['orders-0@39'] })], messages).findings;
  expect(finding).toMatchObject({ kind: 'duplicate', copies: 40 });
  expect(finding?.kind === 'duplicate' ? finding.at : []).toEqual(messages.slice(0, 10).map(formatReceipt));
});

it('compares keys, ids and topics of any length and alphabet, across the chunks of its memory', () => {
  const id = (n: number): string => `${'ü'.repeat(n % 700)}${n}`;
  const items = Array.from({ length: 70_000 }, (_, n) =>
    anItem(1, {
      pk: `order#${id(n)}`,
      key: id(n),
      receipts: [`orders-0@${n}`],
      events: [{ id: id(n), topic: 'orders' }],
    }),
  );
  const messages = items.map((_, n) => aMessage(n, id(n), { key: id(n) })).filter((_, n) => n % 10_000 !== 0);
  const lost = [0, 1, 2, 3, 4, 5, 6].map((n) => id(n * 10_000));
  const comparison = new TopicComparison();
  for (const item of items) comparison.add(item);
  for (const message of messages) {
    if (message.offset % 10_000n === 1n) comparison.see({ ...message, offset: message.offset - 1n, id: 'another' });
    comparison.see(message);
  }
  const { findings } = resultOf(comparison, { extents: [anExtent(items.length)] });
  expect(findings.map(({ kind, pk, id }) => [kind, pk, id])).toEqual(lost.map((id) => ['missing', `order#${id}`, id]));
});

interface Written {
  readonly item: VerifiedItem;
  readonly partition: number;
}

/** Offsets and contents of every partition, after a relay that repeats itself has published everything. */
const history = fc
  .record({
    keys: fc.array(
      fc.record({ items: fc.integer({ min: 1, max: 6 }), versioned: fc.boolean(), partition: fc.nat(1) }),
      { minLength: 1, maxLength: 4 },
    ),
    steps: fc.array(fc.record({ key: fc.nat(3), rewind: fc.nat(3), isReplay: fc.boolean(), minutes: fc.nat(30) }), {
      maxLength: 40,
    }),
    skewMinutes: fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 24, maxLength: 24 }),
    cuts: fc.tuple(fc.nat(8), fc.nat(8)),
    compacted: fc.array(fc.boolean(), { maxLength: 60 }),
    earlyReceipts: fc.boolean(),
  })
  .map(({ keys, steps, skewMinutes, cuts, compacted, earlyReceipts }) => {
    const logs: SeenMessage[][] = [[], []];
    const written: Written[][] = keys.map(() => []);
    const places = new Map<string, string[]>();
    let clock = NOW;
    const publish = (w: Written, isReplay: boolean): void => {
      for (const { id } of w.item.events) {
        const log = logs[w.partition] ?? [];
        const message = aMessage(log.length, id, {
          ...{ key: w.item.key, partition: w.partition, timestamp: clock, isReplay },
        });
        log.push(message);
        if (!isReplay) places.set(id, [...(places.get(id) ?? []), formatReceipt(message)]);
      }
    };
    const commit = (at: number): void => {
      const spec = keys[at];
      const list = written[at];
      if (spec === undefined || list === undefined || list.length >= spec.items) return;
      const version = list.length + 1;
      const key = `k${at}`;
      clock += 1;
      list.push({
        partition: spec.partition,
        item: anItem(version, {
          pk: `order#${key}`,
          position: spec.versioned ? positionOfVersion(version) : uuidV7(clock),
          key,
          committedAt: clock + (skewMinutes[(at * 6 + version) % 24] ?? 0) * MINUTE,
          events: [0, 1].slice(0, 1 + (version % 2)).map((n) => ({ id: `${key}.${version}.${n}`, topic: 'orders' })),
        }),
      });
    };
    for (const { key, rewind, isReplay, minutes } of steps) {
      const at = key % keys.length;
      clock += minutes * MINUTE;
      const before = written[at]?.length ?? 0;
      if (isReplay) for (const w of written[at] ?? []) publish(w, true);
      commit(at);
      for (const w of (written[at] ?? []).slice(Math.max(0, before - rewind))) publish(w, false);
    }
    const items = written.flat().map(({ item }) => ({
      ...item,
      receipts: item.events.map(({ id }) => places.get(id)?.at(earlyReceipts ? 0 : -1) ?? ''),
    }));

    const extents: PartitionExtent[] = [];
    const retained = logs.map((log, partition) => {
      const low = Math.min(cuts[partition] ?? 0, log.length);
      const kept = log.filter(({ offset, key }) => {
        if (offset < low) return false;
        const isLast = !log.some((later) => later.key === key && later.offset > offset);
        return isLast || compacted[Number(offset) * 2 + partition] !== true;
      });
      let next = 0n;
      let completeFromMs: number | undefined;
      for (const { offset, timestamp } of kept) {
        if (offset > next) completeFromMs = timestamp;
        next = offset + 1n;
      }
      extents.push({ ...anExtent(log.length), partition, low: BigInt(low), completeFromMs });
      return kept;
    });
    return { items, messages: retained.flat(), extents };
  });

const originalsOf = (messages: readonly SeenMessage[], id: string) =>
  messages.filter((message) => message.id === id && !message.isReplay);

it('has no false alarm, however often a relay repeats itself and whatever retention and compaction remove', () => {
  fc.assert(
    fc.property(history, ({ items, messages, extents }) => {
      const result = compared(items, messages, extents);
      const ids = items.flatMap(({ events }) => events.map(({ id }) => id));
      const repeated = ids.filter((id) => originalsOf(messages, id).length > 1);
      expect(brief(result).toSorted()).toEqual(repeated.map((id) => `duplicate ${id}`).toSorted());
      const gone = ids.filter((id) => !messages.some((message) => message.id === id));
      expect(result.expired).toBe(gone.length);
    }),
    { numRuns: 2_000 },
  );
});

it('finds any one event that another message lies in the places of', () => {
  fc.assert(
    fc.property(history, fc.nat(), ({ items, messages, extents }, pick) => {
      const present = items
        .flatMap(({ events, receipts }) => events.map(({ id }, at) => ({ id, receipt: receipts[at] ?? '' })))
        .filter(({ receipt }) => messages.some((message) => formatReceipt(message) === receipt));
      fc.pre(present.length > 0);
      const { id = '' } = present[pick % present.length] ?? {};
      const without = messages.map((message) => (message.id === id ? { ...message, id: 'another' } : message));
      expect(brief(compared(items, without, extents)).filter((text) => !text.startsWith('duplicate'))).toEqual([
        `missing ${id}`,
      ]);
    }),
    { numRuns: 1_000 },
  );
});

it('finds as much as there is: a topic that was published twice', () => {
  const count = 150_000;
  const items = Array.from({ length: count }, (_, at) =>
    anItem(1, {
      pk: `order#${at}`,
      key: String(at),
      receipts: [`orders-0@${at}`],
      events: [{ id: `${at}`, topic: 'orders' }],
    }),
  );
  const messages = Array.from({ length: 2 * count }, (_, at) =>
    aMessage(at, String(at % count), { key: String(at % count) }),
  );
  expect(compared(items, messages, [anExtent(2 * count)]).findings).toHaveLength(count);
});
