import { EVENT_BYTES, eventData, streamBatch } from '../../../bench/events';
import { RELAY_MEMORY_MB } from '../../../bench/relay-environment';
import { OUTBOX_DEFAULTS } from '../../../lib/infra/outbox/outbox-props';
import { decodeRecord } from '../../../lib/relay/record';

test('the data of an event is JSON of exactly 1 KB', () => {
  for (let sample = 0; sample < 100; sample++) {
    const data = eventData();
    expect(Buffer.byteLength(data)).toBe(EVENT_BYTES);
    expect(() => JSON.parse(data) as unknown).not.toThrow();
  }
});

test('a batch is 1,000 items that the relay decodes, each with an id and a key of its own', () => {
  const items = streamBatch('orders').Records.map(decodeRecord);
  expect(items.filter(({ kind }) => kind === 'item')).toHaveLength(1_000);
  for (const field of ['id', 'pk'] as const) {
    expect(new Set(items.map((decoded) => (decoded.kind === 'item' ? decoded.item[field] : ''))).size).toBe(1_000);
  }
});

test('the measured process has the memory that the construct gives the relay', () => {
  expect(RELAY_MEMORY_MB).toBe(OUTBOX_DEFAULTS.relayMemorySize);
});
