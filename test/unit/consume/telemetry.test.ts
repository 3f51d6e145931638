import { createConsumer, OutboxError } from '../../../lib/consumer';
import { aRecord, aRig, events, feed, MemoryClient } from '../../builders/consume';

const printed = (['warn', 'error'] as const).map((level) => jest.spyOn(console, level).mockImplementation());
const silent = (['log', 'info', 'debug'] as const).map((level) => jest.spyOn(console, level));
afterEach(() => printed.forEach((spy) => spy.mockClear()));
afterAll(() => jest.restoreAllMocks());

const consoleTelemetry = () =>
  createConsumer({ name: 'shipping', tableName: 'inbox', client: new MemoryClient(), events, handlers: {} }).settings
    .telemetry;
const lines = (): string[] =>
  printed.flatMap(({ mock }) => mock.calls.flatMap(([text]: unknown[]) => String(text).split('\n')));

it('a consumer without telemetry logs waiting work, and nothing of normal work', () => {
  const telemetry = consoleTelemetry();

  telemetry.rebalanced({ assigned: { orders: [0] } });
  telemetry.outageOver();
  telemetry.flush();
  expect([...printed, ...silent].flatMap(({ mock }) => mock.calls)).toEqual([]);

  telemetry.commitFailed(new Error('no coordinator'));
  telemetry.outage('ResourceNotFoundException');
  expect(lines().filter((line) => !line.startsWith('    at '))).toEqual([
    "Consumer shipping: Could not commit offsets { cause: { name: 'Error', message: 'no coordinator' } }",
    "Consumer shipping: Outage: messages wait, and none is lost { cause: 'ResourceNotFoundException' }",
  ]);
});

it('a failing handler prints one line for each attempt, with the place of the message, and one stack', async () => {
  const rig = aRig({
    telemetry: consoleTelemetry(),
    attempts: 4,
    handlers: {
      'order.placed': () => {
        throw new Error('no\nstock');
      },
    },
  });
  await feed(rig, [aRecord({ version: 1, partition: 3, offset: 77 })]);

  const attempts = lines().filter((line) => line.includes('Could not apply'));
  expect(attempts).toHaveLength(4);
  for (const line of attempts) expect(line).toContain("receipt: 'orders-3@77'");
  expect(attempts.map((line) => /attempt: (\d)/.exec(line)?.[1])).toEqual(['1', '2', '3', '4']);
  const frames = lines().flatMap((line, at) => (line.startsWith('    at ') ? [at] : []));
  expect(frames.length).toBeGreaterThan(0);
  expect(frames).toEqual(frames.map((_, at) => (frames[0] ?? 0) + at));
  expect(lines().filter((line) => line.includes('Parked an event'))).toEqual([
    expect.stringContaining("receipt: 'orders-3@77'"),
  ]);
});

it('a dead letter that is not taken prints one line, with the place of the message, however often it is tried', async () => {
  const rig = aRig({ telemetry: consoleTelemetry() });
  let failures = 4;
  rig.deadLetters.fail = () => --failures > 0;
  await feed(rig, [aRecord({ version: 1, partition: 3, offset: 78, value: Buffer.from('{'), type: 'unknown' })]);

  expect(lines()).toEqual([
    expect.stringContaining('Could not send a message to its dead-letter topic'),
    expect.stringContaining('Sent a message to its dead-letter topic'),
  ]);
  for (const line of lines()) expect(line).toContain("receipt: 'orders-3@78'");
});

it('of all the messages that wait for one topic, one line names the topic and how to create it', () => {
  const telemetry = consoleTelemetry();
  const topic = 'orders.shipping.dlt';
  const missing = (offset: number) =>
    new OutboxError('topic-missing', `Topic "${topic}" does not exist: npx outbox topic create ${topic} (${offset})`, {
      topics: [topic],
    });
  for (let offset = 0; offset < 300; offset++) {
    telemetry.deadLetterFailed(aRecord({ version: 1, partition: 3, offset }), missing(offset));
  }
  expect(lines()).toEqual([expect.stringContaining(`deadLetterTopic: '${topic}'`)]);
  expect(lines()[0]).not.toContain("topic: 'orders'");
  telemetry.deadLetterFailed(aRecord({ topic: 'payments', version: 1 }), missing(0));
  expect(lines()).toHaveLength(2);
});

it('each outage is logged, and the stack of its cause once', () => {
  const telemetry = consoleTelemetry();
  for (let n = 0; n < 3; n++) {
    telemetry.outage(new Error('no table'));
    telemetry.outageOver();
  }
  expect(lines().filter((line) => line.includes('Outage'))).toHaveLength(3);
  expect(lines().filter((line) => line.startsWith('    at ')).length).toBeLessThan(20);
});
