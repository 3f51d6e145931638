import { Logger } from '@aws-lambda-powertools/logger';
import { powertoolsTelemetry, sample } from '../../../lib/relay/telemetry-powertools';

type Emf = Record<string, unknown> & {
  _aws: { CloudWatchMetrics: { Namespace: string; Metrics: { Name: string; Unit: string }[] }[] };
};

function capture(act: (telemetry: ReturnType<typeof powertoolsTelemetry>) => void): Emf[] {
  const lines: string[] = [];
  const write = jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  try {
    act(
      powertoolsTelemetry({ outboxName: 'Orders', publishWithinMs: 5_000, logger: new Logger({ logLevel: 'SILENT' }) }),
    );
  } finally {
    write.mockRestore();
  }
  return lines.map((line) => JSON.parse(line) as Emf);
}

beforeAll(() => {
  // Development mode writes to the console, which a test can watch. It disables metrics unless configured otherwise.
  process.env['POWERTOOLS_DEV'] = 'true';
  process.env['POWERTOOLS_METRICS_DISABLED'] = 'false';
});

it('writes one EMF document an invocation, under the outbox it belongs to', () => {
  const documents = capture((telemetry) => {
    telemetry.received(3);
    telemetry.published({ bytes: 20, latencyMs: [5, 7] });
    telemetry.published({ bytes: 10, latencyMs: [9] });
    telemetry.duplicateSkipped({ pk: 'order#1', sk: '1', id: 'a' });
    telemetry.finished({});
  });

  expect(documents).toHaveLength(1);
  expect(documents[0]).toMatchObject({
    Outbox: 'Orders',
    service: 'outbox-relay',
    BatchSize: 3,
    PublishedEvents: 3,
    LateEvents: 0,
    PublishedBytes: 30,
    DuplicatesSkipped: 1,
    CommitToAckLatency: [5, 7, 9],
  });
  expect(documents[0]?._aws.CloudWatchMetrics[0]?.Namespace).toBe('DynamoDBOutbox');
});

const request = { by: 'someone', at: 1, why: 'a test' };
const parking = { pk: 'p', sk: 's', reason: 'unknown-topic', message: 'm', attempts: 0, isHead: false } as const;

it.each([
  ['ParkedItems', (t) => t.parked(parking)],
  ['Outages', (t) => t.outage({ message: 'm', cause: new Error('c') })],
  ['KeyFailures', (t) => t.keyFailed('p', { message: 'm', cause: new Error('c') })],
  ['BreakerOpen', (t) => t.breakerOpen(parking, 30)],
  ['MarkFailures', (t) => t.markFailed({ pk: 'p', sk: 's', id: 'i', receipts: [] }, new Error('c'))],
  ['ProducerRebuilds', (t) => t.producerRebuilt(new Error('c'))],
  ['UnprocessableSignals', (t) => t.signalUnprocessable({ pk: 'p', sk: 's' }, 'why')],
  ['LookBacks', (t) => t.lookedUp('late', 1)],
  ['Drains', (t) => t.drained({ pk: 'p', outcome: 'done', published: 3, signals: [] })],
  ['DrainsPostponed', (t) => t.drained({ pk: 'p', outcome: 'postponed', published: 3, signals: [] })],
  ['DiscardedItems', (t) => t.discarded({ kind: 'skip', pk: 'p', sk: 's', position: '1', request })],
  ['ReplayedItems', (t) => t.replayed({ kind: 'replay', pk: 'p', sk: 's', replayId: 'r', request }, 1)],
  ['SuspectStarts', (t) => t.attemptAfterCrash({ pk: 'p', sk: 's' }, 2)],
  ['PredecessorWaits', (t) => t.predecessorMissing({ pk: 'p', sk: 's' })],
  ['StreamChanges', (t) => t.streamChanged('a', 'b')],
  [
    'HeldItems',
    (t) =>
      t.heldBack(
        { pk: 'p', sk: 's' },
        {
          pk: 'p',
          position: 's',
          revision: 'r',
          state: 'holding',
          reason: 'unknown-topic',
          message: '',
          attempts: 1,
          since: 1,
        },
      ),
  ],
] as [string, (t: ReturnType<typeof powertoolsTelemetry>) => void][])('counts %s', (metric, act) => {
  const [document] = capture((telemetry) => {
    act(telemetry);
    telemetry.finished({});
  });

  expect(document?.[metric]).toBe(1);
});

it('counts each event that took longer than the objective as late', () => {
  const [document] = capture((telemetry) => {
    telemetry.published({ bytes: 1, latencyMs: [4_999, 5_000, 5_001] });
    telemetry.published({ bytes: 1, latencyMs: Array.from({ length: 500 }, () => 60_000) });
    telemetry.finished({});
  });

  // Exact, unlike the latencies: a document contains only a sample of those.
  expect(document).toMatchObject({ PublishedEvents: 503, LateEvents: 501 });
});

it('counts no late events if nothing was published', () => {
  const [document] = capture((telemetry) => {
    telemetry.received(1);
    telemetry.finished({});
  });

  expect(document).not.toHaveProperty('LateEvents');
});

it('starts from zero in the next invocation', () => {
  const documents = capture((telemetry) => {
    telemetry.received(1);
    telemetry.published({ bytes: 1, latencyMs: [1] });
    telemetry.finished({});
    telemetry.received(2);
    telemetry.finished({});
  });

  expect(documents[1]).toMatchObject({ BatchSize: 2 });
  expect(documents[1]).not.toHaveProperty('PublishedEvents');
});

it('writes one document for a batch with more latencies than a document holds', () => {
  const documents = capture((telemetry) => {
    telemetry.published({ bytes: 1, latencyMs: Array.from({ length: 500 }, (_, at) => at) });
    telemetry.finished({});
  });

  expect(documents).toHaveLength(1);
  expect(documents[0]?.['CommitToAckLatency']).toHaveLength(99);
});

it('keeps at most the given number of latencies, with the smallest and the largest', () => {
  const values = Array.from({ length: 1_000 }, (_, at) => 999 - at);

  const kept = sample(values, 100);

  expect(kept).toHaveLength(100);
  expect(Math.min(...kept)).toBe(0);
  expect(Math.max(...kept)).toBe(999);
});
