import { positionOfVersion } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import { KeyFailure, concernsOneKey } from '../../../lib/relay/key-failure';
import type { RelayPorts } from '../../../lib/relay/ports';
import { createRelay } from '../../../lib/relay/relay';
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { anItem, imageOf } from '../../builders/items';
import { aRelayOverTable, plentyOfTime, RELAY_OPTIONS } from '../../builders/relay-ports';

const request = { by: 'someone', at: 1, why: 'a test' };
const conflict = new TransactionCanceledException({ message: 'conflict', $metadata: {} });
const unavailable = new Error('no answer within 3000 ms');

/** Three held keys, each with a requested drain; `fail` names the call that rejects for `order#b`. */
async function drainThree(
  fail: (rejected: (pk: string) => void, table: RelayPorts) => Partial<RelayPorts>,
  cause: Error,
) {
  const world = aRelayOverTable();
  const { table, kafka, clock, telemetry } = world;
  kafka.refuse = () => ({ kind: 'poison', reason: 'message-refused', message: 'no' });
  for (const key of ['a', 'b', 'c']) await world.handle([table.put(anItem({ key }))], plentyOfTime);
  kafka.refuse = () => undefined;
  const signals = ['a', 'b', 'c'].map((key) =>
    table.putSignal(newSignal(`order#${key}`, clock.at, { kind: 'drain', from: positionOfVersion(1), request })),
  );
  const ports: RelayPorts = {
    ...{ publisher: kafka, items: table, keys: table, control: table, drains: table, signals: table },
    ...{ telemetry, clock },
  };
  const rejected = (pk: string): void => {
    if (pk === 'order#b') throw cause;
  };
  const relay = createRelay({ ...ports, ...fail(rejected, ports) }, RELAY_OPTIONS);
  return { ...world, failed: await relay.handle(signals, plentyOfTime) };
}

type Fails = Parameters<typeof drainThree>[0];
/** The port with one watched call; all other calls are unchanged. */
const watched = <P extends object>(port: P, call: keyof P, watch: (...input: unknown[]) => void): P =>
  new Proxy(port, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...input: unknown[]) => unknown;
      return (...input: unknown[]) => {
        if (name !== call) return method.apply(target, input);
        return Promise.resolve()
          .then(() => watch(...input))
          .then(() => method.apply(target, input));
      };
    },
  });

const CALLS: readonly (readonly [string, Fails])[] = [
  ['begin', (rejected, { drains }) => ({ drains: watched(drains, 'begin', (pk) => rejected(String(pk))) })],
  ['finish', (rejected, { drains }) => ({ drains: watched(drains, 'finish', (pk) => rejected(String(pk))) })],
  [
    'remove',
    (rejected, { signals }) => ({
      signals: watched(signals, 'remove', (gone) => {
        for (const { pk } of gone as { pk: string }[]) rejected(pk);
      }),
    }),
  ],
  ['earliestOpen', (rejected, { keys }) => ({ keys: watched(keys, 'earliestOpen', (pk) => rejected(String(pk))) })],
];

it.each(CALLS)('a conflict in %s delays one drain, not the invocation', async (_, fail) => {
  const { failed, table, telemetry } = await drainThree(fail, conflict);

  expect(failed).toBe(1);
  expect(table.stateAt('order#a', positionOfVersion(1))).toBe('processed');
  expect(table.stateAt('order#c', positionOfVersion(1))).toBe('processed');
  expect([...table.signals.get('order#b')!.values()]).toHaveLength(1);
  expect(telemetry.keyFailed).toHaveBeenCalledWith('order#b', expect.objectContaining({ cause: conflict }));
  expect(telemetry.outage).not.toHaveBeenCalled();
});

it.each(CALLS)('no answer in %s is an outage: the invocation stops', async (_, fail) => {
  const { telemetry } = await drainThree(fail, unavailable);

  expect(telemetry.outage).toHaveBeenCalledWith(expect.objectContaining({ cause: unavailable }));
  expect(telemetry.keyFailed).not.toHaveBeenCalled();
});

it('a refused park delays only its own key', async () => {
  const { handle, table, kafka } = aRelayOverTable();
  const park = table.park.bind(table);
  table.park = (parking) => (parking.pk === 'order#bad' ? Promise.reject(new KeyFailure('full')) : park(parking));
  const bad = imageOf(anItem({ key: 'bad' }));
  const records = [
    table.put(anItem({ key: 'good' })),
    table.putImage({ ...bad, committedAt: { S: 'yesterday' } }),
    table.put(anItem({ key: 'bad', version: 2 })),
    table.put(anItem({ key: 'good', version: 2 })),
  ];

  expect(await handle(records, plentyOfTime)).toBe(1);

  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-good-1', 'id-order-good-2']);
});

it('no event of a key overtakes a refused message that cannot be parked', async () => {
  const { handle, table, kafka } = aRelayOverTable();
  table.park = () => Promise.reject(new KeyFailure('full'));
  kafka.topics.set('orders', 1);
  kafka.refuse = ({ messages }) =>
    messages.some(({ headers }) => headers['ce_id'] === 'id-order-bad-1')
      ? { kind: 'poison', reason: 'message-too-large', message: 'too large' }
      : undefined;
  const records = [
    table.put(anItem({ key: 'bad' })),
    table.put(anItem({ key: 'bad', version: 2 })),
    table.put(anItem({ key: 'good' })),
  ];

  expect(await handle(records, plentyOfTime)).toBe(0);

  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-good-1']);
});

it('distinguishes the refusal of one request from an outage', () => {
  expect(concernsOneKey(conflict)).toBe(true);
  expect(concernsOneKey(new KeyFailure('x'))).toBe(true);
  expect(concernsOneKey(Object.assign(new Error('500'), { $fault: 'server' }))).toBe(false);
  expect(concernsOneKey(unavailable)).toBe(false);
  expect(concernsOneKey(undefined)).toBe(false);
});
