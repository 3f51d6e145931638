import { handleKafkaEvent, type TransactionAction } from '../../../lib/consumer';
import { aRecord, aRig, effectOf, feed, kafkaEventOf, MemoryClient } from '../../builders/consume';

const DAY_MS = 24 * 3600_000;
const NEVER = new Promise<never>(() => undefined);
const live = { clock: { now: () => Date.now() }, markerRetentionMs: 3_650 * DAY_MS, callTimeoutMs: 20 };
const context = (ms: number) => {
  const end = Date.now() + ms;
  return { getRemainingTimeInMillis: () => end - Date.now() };
};

it.each(['get', 'transactWrite'] as const)('a %s without a response is an outage, and ends with it', async (call) => {
  const client = new MemoryClient();
  const signals: AbortSignal[] = [];
  const own = client[call].bind(client) as (input: never) => Promise<never>;
  let hangs = 2;
  client[call] = ((input: never, { abortSignal }: { abortSignal: AbortSignal }) => {
    if (hangs-- <= 0) return own(input);
    signals.push(abortSignal);
    return NEVER;
  }) as never;
  const rig = aRig({ ...live, attempts: 1 }, client);
  await feed(rig, [aRecord({ version: 1 })]);

  expect(rig.client.effects()).toHaveLength(1);
  expect(rig.told.of('attemptFailed')).toEqual([]);
  expect(rig.told.of('outage')).toHaveLength(1);
  expect(String(rig.told.of('outage')[0]?.[0])).toMatch(/DynamoDB did not respond within 20 ms/);
  expect(rig.told.of('outageOver')).toHaveLength(1);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
});

it('writes that hang take no place for ever: a Lambda environment works again after them', async () => {
  const client = new MemoryClient();
  const write = client.transactWrite.bind(client);
  let isHanging = true;
  client.transactWrite = (input) => (isHanging ? NEVER : write(input));
  const rig = aRig({ ...live, callTimeoutMs: 60_000, transactions: 2 }, client);
  const handler = handleKafkaEvent({
    consumer: rig.consumer,
    deadLetters: rig.deadLetters,
    partialBatchResponse: true,
    marginMs: 20,
  });
  for (let at = 0; at < 4; at++) await handler(kafkaEventOf([aRecord({ key: `h${at}`, version: 1 })]), context(60));
  isHanging = false;

  expect(await handler(kafkaEventOf([aRecord({ key: 'new', version: 1 })]), context(5_000))).toEqual({
    batchItemFailures: [],
  });
});

it('a dead letter without an acknowledgement is sent again', async () => {
  const rig = aRig(live);
  let hangs = 2;
  const send = rig.deadLetters.send.bind(rig.deadLetters);
  rig.deadLetters.send = (record, aside) => (hangs-- > 0 ? NEVER : send(record, aside));
  await feed(rig, [aRecord({ type: 'order.lost' })]);

  expect(rig.deadLetters.reasons).toEqual(['unknown-type']);
  expect(rig.told.of('deadLetterFailed').map(([, error]) => (error as { code?: string }).code)).toEqual([
    'service-unavailable',
    'service-unavailable',
  ]);
});

it('a handler that waits for DynamoDB hangs with the network, which costs no attempt', async () => {
  const client = new MemoryClient();
  const read = client.get.bind(client);
  let isGone = false;
  client.get = (input) => (isGone ? NEVER : read(input));
  let runs = 0;
  const rig = aRig(
    {
      ...live,
      attempts: 1,
      handlerTimeoutMs: 20,
      handlers: {
        'order.placed': () => {
          // The network fails after the row is read, so that only the handler meets the outage.
          isGone = ++runs === 1;
          if (isGone) setTimeout(() => (isGone = false), 100);
          return isGone ? NEVER : [];
        },
      },
    },
    client,
  );
  const { outcomes } = await feed(rig, [aRecord({ version: 1 })]);

  expect(outcomes).toEqual(['applied']);
  expect(rig.told.of('attemptFailed')).toEqual([]);
  expect(rig.told.of('outage')).toHaveLength(1);
});

it('a message that cannot be parked because the write hangs delays its own key alone', async () => {
  const client = new MemoryClient();
  const write = client.transactWrite.bind(client);
  let hangs = 3;
  const isParking = ({ TransactItems }: { TransactItems: TransactionAction[] }): boolean =>
    TransactItems.some(({ Put }) => String(Put?.Item?.['sk']).startsWith('parked#'));
  client.transactWrite = (input) => (isParking(input) && hangs-- > 0 ? NEVER : write(input));
  const handlers = {
    'order.placed': ({ id }: { id: string }) => {
      if (id.startsWith('bad')) throw new Error('no stock');
      return [effectOf(id)];
    },
  };
  const rig = aRig({ ...live, attempts: 1, handlers }, client);
  await feed(rig, [aRecord({ key: 'bad', version: 1 }), aRecord({ key: 'good', version: 1 })]);

  expect(rig.told.of('parked')).toHaveLength(1);
  expect(rig.told.of('keyDelayed')).toHaveLength(3);
  expect(rig.told.of('outage')).toEqual([]);
  expect(rig.client.effects()).toHaveLength(1);
});

it('tells that a service answers again when the last key that waited for it is parked', async () => {
  let now = Date.now();
  const handlers = {
    'order.placed': ({ id }: { id: string }) => {
      now += 10_000;
      if (id.startsWith('bad'))
        throw Object.assign(new Error('away'), { name: 'Error', $metadata: {}, code: 'ECONNREFUSED' });
      return [effectOf(id)];
    },
  };
  const rig = aRig({ ...live, clock: { now: () => now }, attempts: 1, handlers });
  const others = Array.from({ length: 20 }, (_, at) => aRecord({ key: `k${at}`, version: 1 }));
  await feed(rig, [aRecord({ key: 'bad', version: 1 }), ...others]);

  expect(rig.told.of('parked')).toHaveLength(1);
  expect(rig.told.of('outage')).toHaveLength(1);
  expect(rig.told.of('outageOver')).toHaveLength(1);
});
