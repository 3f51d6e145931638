import {
  checkDeadLetterTopics,
  checkGroups,
  checkOpenTopics,
  checkReachable,
  checkReadTopics,
  checkSweeperRuns,
} from '../../../../lib/operate/doctor/check-kafka';
import type { KafkaTopics } from '../../../../lib/operate/doctor/deployment';

const topics = (changed: Partial<KafkaTopics> = {}): KafkaTopics => ({
  names: new Set(['orders', 'orders.shipping.dlt']),
  maxMessageBytes: new Map([
    ['orders', 1_000_000],
    ['orders.shipping.dlt', 1_004_096],
  ]),
  read: [{ consumer: 'shipping', topic: 'orders' }],
  ...changed,
});

test.each([
  [[], ['ECONNREFUSED'], 'wrong'],
  [[], ['ETIMEDOUT', 'ENOTFOUND'], 'unknown'],
  [['a:1'], ['ECONNREFUSED'], 'warn'],
  [['a:1', 'b:1'], [], 'ok'],
])('brokers %j that answer, and others that do not for %j, are %s', (reached, errors, verdict) => {
  const away = errors.map((error, at) => ({ broker: `away-${at}:1`, error }));
  const checked = checkReachable([...reached.map((broker) => ({ broker })), ...away]);
  expect(checked.verdict).toBe(verdict);
  for (const { broker, error } of away) expect(checked.found).toContain(`${broker} (${error})`);
});

test('a topic of pending items that does not exist is named, with how many wait, and the way to create it', () => {
  const items = new Map([
    ['orders', 3],
    ['audit', 2],
  ]);
  expect(checkOpenTopics([topics(), { items, isWhole: true }])).toMatchObject({
    verdict: 'wrong',
    found: expect.stringContaining('audit (2 items wait)'),
    remedy: expect.stringMatching(/^A typo\? Fix the writer\. Otherwise create it: `outbox topic create audit`$/),
  });
  expect(checkOpenTopics([topics(), { items: new Map([['orders', 3]]), isWhole: true }])).toMatchObject({
    verdict: 'ok',
  });
  expect(checkOpenTopics([topics(), { items: new Map(), isWhole: false }])).toMatchObject({
    verdict: 'warn',
    found: expect.stringContaining('in the part of the table that was read'),
  });
});

test('a topic that a consumer reads and that does not exist is wrong', () => {
  expect(checkReadTopics(topics({ read: [{ consumer: 'shipping', topic: 'nosuch' }] }))).toMatchObject({
    verdict: 'wrong',
    found: 'missing: nosuch',
  });
  expect(checkReadTopics(topics())).toMatchObject({ verdict: 'ok' });
});

test.each<[string, Partial<KafkaTopics>, 'ok' | 'wrong' | 'unknown', string]>([
  ['is there', {}, 'ok', 'orders.shipping.dlt'],
  ['is missing', { names: new Set(['orders']) }, 'wrong', 'orders.shipping.dlt does not exist'],
  [
    'is too small',
    {
      maxMessageBytes: new Map([
        ['orders', 1_000_000],
        ['orders.shipping.dlt', 1_004_095],
      ]),
    },
    'wrong',
    'orders.shipping.dlt takes 1004095 bytes and needs 1004096',
  ],
  ['may not be described', { maxMessageBytes: new Map() }, 'ok', 'orders.shipping.dlt'],
  ['belongs to nobody', { read: [] }, 'unknown', 'no consumer is known'],
])('a dead-letter topic that %s', (_, changed, verdict, found) => {
  expect(checkDeadLetterTopics(topics(changed))).toMatchObject({ verdict, found: expect.stringContaining(found) });
});

test('a group without members is wrong, and one with some is not', () => {
  const shipping = { consumer: 'shipping', group: 'shipping', members: 2, behind: 0n };
  expect(checkGroups([shipping])).toEqual({ verdict: 'ok', found: 'shipping: 2, up to date' });
  expect(checkGroups([{ ...shipping, behind: 1n }])).toMatchObject({
    verdict: 'warn',
    found: 'shipping: 2, 1 message behind',
  });
  expect(checkGroups([shipping, { consumer: 'mails', group: 'mails-orders', members: 0, behind: 3n }])).toMatchObject({
    verdict: 'wrong',
    found: 'no members, so no instance runs: mails',
  });
  expect(checkGroups([])).toMatchObject({ verdict: 'unknown' });
});

test.each([
  [{ isSeen: true, isNew: false }, 'ok'],
  [{ isSeen: false, isNew: true }, 'warn'],
  [{ isSeen: false, isNew: false }, 'wrong'],
] as const)('a sweeper with the runs %j is %s', (runs, verdict) => {
  expect(checkSweeperRuns({ everyMs: 3_600_000, ...runs })).toMatchObject({ verdict });
});
