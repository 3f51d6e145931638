import { Logger } from '@aws-lambda-powertools/logger';
import type { SweepReport } from '../../../lib/sweep/sweep';
import { powertoolsReporter } from '../../../lib/sweep/telemetry-powertools';

const REPORT: SweepReport = {
  ...{ startedAt: Date.now(), durationMs: 5, readUnits: 3, complete: true, heldKeys: 0, gapSuspicion: 'none' },
  ...{ items: 7, pending: 1, waiting: 0, parked: 0, processed: 6, discarded: 0 },
  ...{ signals: 0, unprocessableSignals: 0, unprocessableKeys: [] },
  ...{ signalsSent: 0, signalsReplaced: 0, failures: [] },
};

function metricsOf(report: SweepReport): Readonly<Record<string, unknown>> {
  const lines: string[] = [];
  const write = jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  try {
    powertoolsReporter({ outboxName: 'Orders', logger: new Logger({ logLevel: 'SILENT' }) })(report);
  } finally {
    write.mockRestore();
  }
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Readonly<Record<string, unknown>>;
}

beforeAll(() => {
  process.env['POWERTOOLS_DEV'] = 'true';
  process.env['POWERTOOLS_METRICS_DISABLED'] = 'false';
});

const OF_RUN = { HeldKeys: 0, OldestHoldAge: 0, StreamGapSuspected: 0, SweepComplete: 1, SweepFailures: 0 };

it('reports the items of a table that was read', () => {
  expect(metricsOf({ ...REPORT, cause: 'interval' })).toMatchObject({
    ...OF_RUN,
    ...{ ScannedItems: 7, PendingItems: 1, OldestPendingAge: 0, WaitingItems: 0, ItemsParked: 0 },
    UnprocessableSignalsLeft: 0,
  });
});

it('reports nothing of the items of a table that was not read: an alarm on them keeps its state', () => {
  const metrics = metricsOf(REPORT);
  expect(metrics).toMatchObject(OF_RUN);
  for (const name of ['ScannedItems', 'PendingItems', 'OldestPendingAge', 'WaitingItems', 'ItemsParked']) {
    expect(metrics).not.toHaveProperty(name);
  }
  expect(metrics).not.toHaveProperty('UnprocessableSignalsLeft');
});
