import { judgeHistory, VIOLATIONS, type ViolationKind } from '../../chaos/checker';
import type { Commit, Delivery, HistoryLine, Settings, StoredItem } from '../../chaos/history';

const NOW = 1_800_000_000_000;
const SETTINGS: Settings = {
  ...{ kind: 'settings', retentionSeconds: 60, maxCopies: 2, afterFaultMs: 1_000 },
  consumers: [{ name: 'shipping', topics: ['orders'], emits: true }],
};

const commit = (version: number, change: Partial<Commit> = {}): Commit => ({
  ...{ kind: 'commit', at: NOW, key: 'order#1', position: String(version).padStart(16, '0') },
  events: [{ id: `e${version}`, topic: 'orders' }],
  ...change,
});
const delivery = (version: number, change: Partial<Delivery> = {}): Delivery => ({
  ...{ kind: 'delivery', at: NOW, topic: 'orders', partition: 0, offset: version, id: `e${version}` },
  ...change,
});
const item = (version: number, change: Partial<StoredItem> = {}): StoredItem => ({
  ...{
    kind: 'item',
    key: 'order#1',
    position: String(version).padStart(16, '0'),
    id: `e${version}`,
    state: 'processed',
  },
  ...{ receipts: [`orders-0@${version}`], processedAt: NOW, expiresAt: NOW / 1_000 + 60 },
  ...change,
});
const effect = (version: number): HistoryLine => ({ kind: 'effect', consumer: 'shipping', id: `e${version}` });
const emitted = (version: number): HistoryLine =>
  commit(version, {
    ...{ key: 'shipment#1', isUncertain: true },
    events: [{ id: `s${version}`, topic: 'shipments' }],
    cause: { id: `e${version}`, consumer: 'shipping' },
  });

/** All that belongs to a version of the key, when nothing went wrong. */
const sound = (version: number): HistoryLine[] => [
  ...[commit(version), delivery(version), item(version)],
  ...[effect(version), emitted(version)],
];
const SOUND = [SETTINGS, ...sound(1), ...sound(2)];

/** The sound history, with other lines in place of those that the filter names. */
const planted = (isReplaced: (line: HistoryLine) => boolean, ...lines: HistoryLine[]): HistoryLine[] => [
  ...SOUND.filter((line) => !isReplaced(line)),
  ...lines,
];
const is = (kind: HistoryLine['kind'], id?: string) => (line: HistoryLine) =>
  line.kind === kind && (id === undefined || ('id' in line && line.id === id));
const isItem = (version: number) => (line: HistoryLine) =>
  line.kind === 'item' && line.position === item(version).position;
const any =
  (...filters: readonly ((line: HistoryLine) => boolean)[]) =>
  (line: HistoryLine) =>
    filters.some((filter) => filter(line));
const none = (): boolean => false;

it('finds nothing in a sound history, and counts it', () => {
  const fault: HistoryLine = { kind: 'fault', name: 'kill', at: NOW - 5_000, until: NOW - 500 };
  expect(judgeHistory([...SOUND, fault, delivery(1, { offset: 3 })])).toEqual({
    ...{ committed: 4, delivered: 2, discarded: 0, effects: 2, emitted: 2, 'behind the window': 0 },
    ...{ duplicates: { kill: 1 }, violations: [] },
  });
});

const PLANTED: Readonly<Record<ViolationKind, readonly [of: string, lines: readonly HistoryLine[]]>> = {
  lost: ['e3', planted(none, commit(3))],
  invented: ['e3', planted(none, delivery(3), effect(3), emitted(3))],
  reordered: [
    'e1',
    planted(
      any(is('delivery'), is('item')),
      ...[delivery(2, { offset: 1 }), delivery(1, { offset: 2 })],
      ...[item(1, { receipts: ['orders-0@2'] }), item(2, { receipts: ['orders-0@1'] })],
    ),
  ],
  'copied-too-often': [
    'e1',
    planted(
      none,
      { kind: 'fault', name: 'kill', at: NOW, until: NOW },
      ...[delivery(1, { offset: 3 }), delivery(1, { offset: 4 })],
    ),
  ],
  'copied-without-fault': ['e1', planted(none, delivery(1, { offset: 3 }))],
  'wrong-receipt': ['e1', planted(isItem(1), item(1, { receipts: ['orders-0@2'] }))],
  'wrong-expiry': ['e1', planted(isItem(1), item(1, { expiresAt: NOW / 1_000 + 90 }))],
  'open-at-end': ['e1', planted(isItem(1), item(1, { state: 'parked', expiresAt: undefined }))],
  'held-at-end': ['order#1', planted(none, { kind: 'held', key: 'order#1', reason: 'message-refused' })],
  'no-effect': ['e2', planted(any(is('effect', 'e2'), (line) => line.kind === 'commit' && line.cause?.id === 'e2'))],
  'several-effects': ['e2', planted(none, effect(2))],
  'effect-reordered': ['e1', planted(is('effect'), effect(2), effect(1))],
  'emitted-wrongly': ['e2', planted((line) => line.kind === 'commit' && line.cause?.id === 'e2')],
};

it.each(VIOLATIONS)('finds "%s" where it is planted, and nothing else', (kind) => {
  const [of, lines] = PLANTED[kind];
  const { violations } = judgeHistory(lines);
  expect(violations.map((violation) => [violation.kind, violation.of])).toEqual([[kind, of]]);
  expect(violations[0]?.shownBy.length).toBeLessThanOrEqual(4);
});

const accepted: Readonly<Record<string, readonly HistoryLine[]>> = {
  'a skipped event that was not delivered': planted(none, commit(3), item(3, { state: 'discarded' }), {
    kind: 'discard',
    id: 'e3',
  }),
  'a transaction without an answer that failed': planted(none, commit(3, { isUncertain: true })),
  'a transaction without an answer that failed, and whose position was used again': planted(
    none,
    commit(2, { isUncertain: true, events: [{ id: 'failed', topic: 'orders' }] }),
  ),
  'copies that were asked for': planted(none, delivery(1, { offset: 3, isReplay: true })),
  'an event that a consumer gave up': planted(
    any(is('effect', 'e2'), (line) => line.kind === 'commit' && line.cause?.id === 'e2'),
    { kind: 'dead-letter', consumer: 'shipping', id: 'e2' },
  ),
  'an event whose topic was deleted after it was acknowledged': planted(
    any(is('delivery', 'e2'), is('effect', 'e2'), (line) => line.kind === 'commit' && line.cause?.id === 'e2'),
    { kind: 'removal', topic: 'orders', until: NOW },
  ),
  'a late copy of an event that was delivered while a relay was killed': planted(
    none,
    { kind: 'fault', name: 'kill', at: NOW - 500, until: NOW - 500 },
    delivery(1, { offset: 3, at: NOW + 3_600_000 }),
  ),
  'messages of a topic that was made again, whose offsets are smaller': planted(
    any(is('delivery', 'e2'), isItem(2)),
    ...[delivery(2, { offset: 0, incarnation: 1 }), item(2, { receipts: ['orders-0@0'] })],
  ),
  'another order of the effects of a topic that got more partitions': [
    { ...SETTINGS, grownTopics: ['orders'] },
    ...planted(any(is('settings'), is('effect')), effect(2), effect(1)),
  ],
  'another order in a topic that was made again, if the first delivery may have been in the deleted one': planted(
    any(is('delivery'), isItem(1), isItem(2)),
    { kind: 'removal', topic: 'orders', until: NOW },
    ...[delivery(2, { offset: 0, incarnation: 1 }), item(2, { receipts: ['orders-0@0'] })],
    ...[delivery(1, { offset: 1, incarnation: 1 }), item(1, { receipts: ['orders-0@1'] })],
  ),
  'another order of a key in two partitions': planted(
    any(is('delivery', 'e1'), isItem(1)),
    ...[delivery(1, { partition: 1, offset: 9 }), item(1, { receipts: ['orders-1@9'] })],
  ),
};

it.each(Object.keys(accepted))('accepts %s', (name) => {
  expect(judgeHistory(accepted[name] ?? []).violations).toEqual([]);
});

it('accepts a receipt of a copy in a deleted topic, next to a copy that was read', () => {
  const history = planted(
    isItem(2),
    ...[item(2, { receipts: ['orders-0@99'] }), { kind: 'removal', topic: 'orders', until: NOW } as const],
  );
  expect(judgeHistory(history).violations).toEqual([]);
});

it('finds an event that was acknowledged after its topic was deleted, and is nowhere', () => {
  const history = planted(
    any(is('delivery', 'e2'), is('effect', 'e2'), (line) => line.kind === 'commit' && line.cause?.id === 'e2'),
    { kind: 'removal', topic: 'orders', until: NOW - 1 },
  );
  expect(judgeHistory(history).violations.map(({ kind }) => kind)).toEqual(['lost', 'wrong-receipt']);
});

describe('an event whose topic was deleted before its item was marked', () => {
  const withoutMessage = (offset: number): HistoryLine[] =>
    planted(
      any(is('delivery', 'e2'), isItem(2), is('effect', 'e2'), (line) => 'cause' in line && line.cause?.id === 'e2'),
      { kind: 'removal', topic: 'orders', until: NOW },
      item(2, { receipts: [`orders-0@${offset}`], processedAt: NOW + 10_000, expiresAt: NOW / 1_000 + 70 }),
    );

  it('is not lost if its place was not read: the receipts of the first events of an item wait for its last one', () => {
    expect(judgeHistory(withoutMessage(2)).violations).toEqual([]);
  });

  it('is lost if its place was read, and was not its own', () => {
    expect(judgeHistory(withoutMessage(1)).violations.map(({ kind }) => kind)).toEqual(['lost', 'wrong-receipt']);
  });
});

it('finds another order in a topic that was made again before the commit', () => {
  const history = planted(
    any(is('delivery'), isItem(1), isItem(2)),
    { kind: 'removal', topic: 'orders', until: NOW - 1 },
    ...[delivery(2, { offset: 0, incarnation: 1 }), item(2, { receipts: ['orders-0@0'] })],
    ...[delivery(1, { offset: 1, incarnation: 1 }), item(1, { receipts: ['orders-0@1'] })],
  );
  expect(judgeHistory(history).violations.map(({ kind }) => kind)).toEqual(['reordered']);
});

describe('an event without an effect in a topic that got more partitions', () => {
  const WINDOW = 16;
  const withLaterEvents = (count: number, partition: number): HistoryLine[] => [
    { ...SETTINGS, grownTopics: ['orders'], consumers: [{ name: 'shipping', topics: ['orders'] }] },
    ...[commit(1), delivery(1), item(1)],
    ...Array.from({ length: count }, (_, at) => at + 2).flatMap((version): HistoryLine[] => [
      commit(version),
      delivery(version, { partition }),
      item(version, { receipts: [`orders-${partition}@${version}`] }),
      effect(version),
    ]),
  ];

  it('is counted apart if as many later events of its key moved as the window of the inbox has', () => {
    const judgement = judgeHistory(withLaterEvents(WINDOW, 1));

    expect(judgement.violations).toEqual([]);
    expect(judgement['behind the window']).toBe(1);
  });

  it.each([
    ['fewer moved', withLaterEvents(WINDOW - 1, 1)],
    ['they are in its partition', withLaterEvents(WINDOW, 0)],
  ])('is a violation if %s', (_, history) => {
    const judgement = judgeHistory(history);

    expect(judgement.violations.map(({ kind, of }) => [kind, of])).toEqual([['no-effect', 'e1']]);
    expect(judgement['behind the window']).toBe(0);
  });
});

it('refuses a history that does not say what it is judged by', () => {
  expect(() => judgeHistory([])).toThrow('A history has one line of the kind settings; this one has 0.');
});
