import { createConsumer } from '../../../lib/consumer';
import { events, MemoryClient } from '../../builders/consume';

const printed = (['warn', 'error'] as const).map((level) => jest.spyOn(console, level).mockImplementation());
const silent = (['log', 'info', 'debug'] as const).map((level) => jest.spyOn(console, level));
afterAll(() => jest.restoreAllMocks());

it('a consumer without telemetry says what waits, and nothing of what is normal', () => {
  const { telemetry } = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client: new MemoryClient(),
    events,
    handlers: {},
  }).settings;
  const [warn, error] = printed;

  telemetry.rebalanced({ assigned: { orders: [0] } });
  telemetry.outageOver();
  telemetry.flush();
  expect([...printed, ...silent].flatMap(({ mock }) => mock.calls)).toEqual([]);

  telemetry.commitFailed(new Error('no coordinator'));
  expect(warn!.mock.calls).toEqual([
    ['Consumer shipping: Could not commit offsets', { cause: expect.objectContaining({ message: 'no coordinator' }) }],
  ]);
  telemetry.outage(new Error('ResourceNotFoundException'));
  expect(error!.mock.calls).toEqual([
    ['Consumer shipping: Outage: everything waits and nothing is lost', { cause: expect.anything() }],
  ]);
});
