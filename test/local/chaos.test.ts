import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULTS } from '../chaos/faults/all';
import { runChaos } from '../chaos/run';

/** Short ones of each group. `npm run chaos` applies all. */
const SHORT = [
  'broker-killed',
  'leaders-moved',
  'limit-lowered',
  'relay-killed',
  'relay-killed-after-publish',
  'database-answer-lost',
  'batch-redelivered',
  'shards-split',
  'writer-killed',
];
const MINUTES = 0.5;
/** Starting, faults, settling; a busy machine takes three times as long. */
const TIMEOUT_MS = 1_200_000;

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'outbox-history-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

it(
  'no event is lost, invented, reordered or applied twice while brokers, relays, writers and the database fail',
  async () => {
    const { judgement, applied, load, failures } = await runChaos({
      ...{ seed: Number(process.env['SEED'] ?? 1), minutes: MINUTES, publisher: 'kafkajs', database: 'simulated' },
      faults: FAULTS.filter(({ name }) => SHORT.includes(name)),
      load: {
        ...{ processes: 2, loops: 3, pauseMs: 100, audited: 2 },
        rates: { foreign: 0.02, malformed: 0.05, misaddressed: 0.003, large: 0.003, unreadable: 0.003 },
      },
      history: join(folder, 'history.jsonl'),
      tell: () => undefined,
    });
    expect({ failures, violations: judgement.violations }).toEqual({ failures: [], violations: [] });
    expect(judgement.delivered).toBeGreaterThan(load.transactions);
    expect(judgement.effects).toBeGreaterThan(load.transactions / 2);
    expect([...applied.keys()].length).toBeGreaterThanOrEqual(SHORT.length / 2);
  },
  TIMEOUT_MS,
);
