import { bundledFunction } from '../../../lib/infra/functions/outbox-function';
import { outboxStack, relayCode } from '../stack';

jest.mock('../../../lib/infra/functions/outbox-function', () => ({
  ...jest.requireActual<object>('../../../lib/infra/functions/outbox-function'),
  bundledFunction: jest.fn(),
}));

const bundles = jest.mocked(bundledFunction);
beforeEach(() => bundles.mockReset().mockReturnValue(relayCode()));

test.each([
  [undefined, 'relay'],
  ['kafkajs', 'relay'],
  ['platformatic', 'relay-platformatic'],
] as const)('with the publisher %s, the relay is the bundle %s', (publisher, name) => {
  outboxStack(() => ({ publisher, relayCode: undefined }));

  expect(bundles.mock.calls.map(([bundle]) => bundle)).toEqual([name]);
});

test('code of your own takes the place of the bundle', () => {
  outboxStack(() => ({ publisher: 'platformatic' }));

  expect(bundles).not.toHaveBeenCalled();
});
