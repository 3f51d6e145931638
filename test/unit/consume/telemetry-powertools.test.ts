import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { consumerTelemetry } from '../../../lib/consumer';
import { SILENT } from '../../../lib/consume/telemetry';
import { aRecord, aRig, feed } from '../../builders/consume';

beforeAll(() => {
  // Development mode writes to the console, which a test can watch. It disables metrics unless configured otherwise.
  process.env['POWERTOOLS_DEV'] = 'true';
  process.env['POWERTOOLS_METRICS_DISABLED'] = 'false';
});

const documents: Record<string, unknown>[] = [];
beforeEach(() => {
  documents.length = 0;
  jest.spyOn(console, 'log').mockImplementation((text: string) => void documents.push(JSON.parse(text) as never));
});
afterEach(() => jest.restoreAllMocks());

const telemetry = () =>
  consumerTelemetry({
    logger: new Logger({ serviceName: 'shipping', logLevel: 'SILENT' }),
    metrics: new Metrics({ namespace: 'Shop', serviceName: 'shipping' }),
  });

it('writes one EMF document a flush, with the applied, ignored, missing and dead-lettered events', async () => {
  const told = telemetry();
  const rig = aRig({ telemetry: told });
  await feed(
    rig,
    [1, 1, 3, 2].map((version) => aRecord({ version })),
  );
  await feed(rig, [aRecord({ version: 9, value: Buffer.from('{') })]);
  told.flush();

  expect(documents).toHaveLength(1);
  expect(documents[0]).toMatchObject({
    service: 'shipping',
    AppliedEvents: 3,
    DuplicatesIgnored: 1,
    Gaps: 1,
    LateEvents: 1,
    DeadLetters: 1,
    CommitToApplyLatency: [0, 0, 0],
  });
});

it('counts possibly missing events apart from missing ones', () => {
  const told = telemetry();
  const event = { id: 'a', source: 's', type: 'order.placed', topic: 'orders', key: '42', receipt: 'orders-0@1' };
  const gap = { missing: '0000000000000002.0000', got: '0000000000000003.0000' };
  told.gap(event, gap, { waits: false });
  told.gap(event, { ...gap, otherTopics: ['audit'] }, { waits: false });
  told.gap(event, { ...gap, otherTopics: ['audit'] }, { waits: false });
  told.flush();
  expect(documents[0]).toMatchObject({ Gaps: 1, PossibleGaps: 2 });
});

it('writes nothing when nothing happened, and keeps no more latencies than a document holds', () => {
  const told = telemetry();
  told.flush();
  expect(documents).toEqual([]);

  const event = { id: 'a', source: 's', type: 't', topic: 'orders', key: '42', receipt: 'orders-0@1' };
  for (let n = 0; n < 5_000; n++) told.applied(event, n);
  told.flush();

  expect(documents).toHaveLength(1);
  expect(documents[0]?.['AppliedEvents']).toBe(5_000);
  expect(documents[0]?.['CommitToApplyLatency']).toHaveLength(99);
});

it('reports every call', () => {
  expect(Object.keys(telemetry()).toSorted()).toEqual(Object.keys(SILENT).toSorted());
});
