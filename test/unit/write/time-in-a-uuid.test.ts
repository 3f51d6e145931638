import { epochMsOfUuidV7, uuidV7 } from '../../../lib/event/uuid';
import { NOW, order42, orderOutbox, placed, refusal } from './order-outbox';

const outbox = orderOutbox();
const DAY_MS = 24 * 60 * 60 * 1000;

/** Consumers would take these for the time of the write, like `committedAt`. */
const IMPOSSIBLE: readonly [string, number][] = [
  ['more than a day ahead', NOW + DAY_MS + 1],
  ['far ahead', Date.UTC(9000, 0)],
  ['beyond the year 9999', Date.UTC(10_000, 0)],
  ['at the end of 48 bits', 2 ** 48 - 1],
  ['in seconds', Math.floor(NOW / 1000)],
];

test.each(IMPOSSIBLE)('a request id whose time is %s is refused, unless committedAt is given', async (_, ms) => {
  for (const requestId of [uuidV7(ms), uuidV7(ms).toUpperCase()]) {
    const error = await refusal('invalid-option', () => outbox.items(order42, [placed], { requestId }));
    expect(error.details).toMatchObject({ option: 'requestId', got: requestId });
    const [entry] = await outbox.items(order42, [placed], { requestId, committedAt: NOW });
    expect(entry?.Put.Item['committedAt']).toBe(NOW);
  }
});

test.each(IMPOSSIBLE)('an event id whose time is %s is refused', async (_, ms) => {
  for (const id of [uuidV7(ms), uuidV7(ms).toUpperCase()]) {
    const error = await refusal('invalid-event', () => outbox.items(order42, [placed, { ...placed, id }]));
    expect(error.details).toMatchObject({ index: 1, field: 'id', got: id });
  }
});

test('a day ahead, and any age from a repetition, are possible', async () => {
  for (const ms of [NOW + DAY_MS, NOW, NOW - 400 * DAY_MS]) {
    const [entry] = await outbox.items(order42, [{ ...placed, id: uuidV7(ms) }], { requestId: uuidV7(ms) });
    expect(entry?.Put.Item['committedAt']).toBe(ms);
  }
});

test('an id that only begins like a UUIDv7 has no time', async () => {
  const ids = ['ffffffff-ffff-7', 'ffffffff-ffff-7000-8000-000000000000-1', 'ffffffff-ffff-7000-c000-000000000000'];
  for (const id of ids) {
    expect(epochMsOfUuidV7(id)).toBeUndefined();
    await expect(outbox.items(order42, [{ ...placed, id }])).resolves.toHaveLength(1);
  }
});

test('the case of letters does not matter', () => {
  expect(epochMsOfUuidV7(uuidV7(NOW).toUpperCase())).toBe(NOW);
});
