import type { StreamRecord } from '../../../lib/relay/record';
import { createRelay } from '../../../lib/relay/relay';
import { sweep } from '../../../lib/sweep/sweep';
import { anItem } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { FakeKafka, plentyOfTime, RELAY_OPTIONS, silentTelemetry } from '../../builders/relay-ports';
import { sweepStoreOver } from '../../builders/sweep-store';

const HOUR = 3_600_000;
/** `KEYS=50000` tests more keys, and prints the rate. */
const KEYS = Number(process.env['KEYS'] ?? 5_000);
/** Virtual speed: the records that a table's relays handle in half a second. */
const RECORDS_A_POLL = 500;

it('a run goes on while its signals are acted on, whatever the number of lost keys', async () => {
  let now = 1_800_000_000_000;
  const startedAt = now;
  const table = new MemoryTable(() => now);
  table.state = { streamArn: 'stream' };
  for (let key = 0; key < KEYS; key++)
    table.put(anItem({ key: `k${key}`, id: `id-${key}`, committedAt: now - 2 * HOUR }));
  const queue: StreamRecord[] = [];
  table.onInsert = (record) => void queue.push(record);
  const kafka = new FakeKafka();
  const relay = createRelay(
    {
      publisher: kafka,
      items: table,
      keys: table,
      control: table,
      drains: table,
      signals: table,
      telemetry: silentTelemetry(),
      clock: { now: () => now },
    },
    RELAY_OPTIONS,
  );
  let mostWaiting = 0;
  const store = sweepStoreOver(table, undefined, async (ms) => {
    now += ms;
    mostWaiting = Math.max(mostWaiting, queue.length);
    await relay.handle(queue.splice(0, RECORDS_A_POLL), plentyOfTime);
  });
  const report = await sweep(store, {
    overdueAfterMs: HOUR,
    readUnitsPerSecond: 1_000,
    by: 'sweeper',
    remainingMs: () => startedAt + 900_000 - now,
    now: () => now,
  });
  while (queue.length > 0) await relay.handle(queue.splice(0, RECORDS_A_POLL), plentyOfTime);
  expect(report).toMatchObject({ signalsSent: KEYS, complete: true, gapSuspicion: 'began', failures: [] });
  expect(mostWaiting).toBeLessThanOrEqual(2_000);
  expect(new Set(kafka.log.map(({ id }) => id)).size).toBe(KEYS);
  if (process.env['KEYS'] !== undefined) console.log(`${KEYS} keys in ${(now - startedAt) / 1000} s`);
});
