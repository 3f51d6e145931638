import { OutboxError } from '../../../lib/index';
import { eventFactory } from '../../../lib/testing';
import { aConsumer, aKit, events, place } from './shop';

const KEYS = ['a', 'b', 'c'];
const VERSIONS = [1, 2, 3, 4];
const SEEDS = Array.from({ length: 10 }, (_, at) => at + 1);

/** Orders of several keys, each in a transaction with an article. */
async function aPublishedKit() {
  const kit = aKit();
  for (const version of VERSIONS) for (const key of KEYS) await place(kit, key, version, { version, sku: 'hat' });
  await kit.relay();
  return kit;
}

describe('a delivery', () => {
  it('runs the handlers and commits their effects', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client);
    await expect(kit.deliver(consumer)).resolves.toEqual({
      deliveries: 12,
      applied: 12,
      duplicates: 0,
      deadLetters: [],
      parked: [],
    });
    await expect(kit.client.get({ TableName: 'shipments', Key: { id: 'a' } })).resolves.toMatchObject({
      Item: { amount: 10, times: 4, versions: VERSIONS },
    });
    await kit.expectApplied(consumer);
  });

  it('goes on where the consumer has ended, and with all for another consumer', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client);
    await kit.deliver(consumer);
    await place(kit, 'd', 1);
    await kit.relay();
    await expect(kit.deliver(consumer)).resolves.toMatchObject({ deliveries: 1, applied: 1 });
    const { consumer: other } = aConsumer(kit.client, { name: 'other' });
    await expect(kit.deliver(other)).resolves.toMatchObject({ deliveries: 13, applied: 13 });
  });

  it.each(SEEDS)('with faults %i has every effect once and keeps the order of each key', async (faults) => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client);
    const delivered = await kit.deliver(consumer, { faults });
    expect(delivered).toMatchObject({ applied: 12, deadLetters: [], parked: [] });
    expect(delivered.deliveries).toBe(12 + delivered.duplicates);
    for (const id of KEYS) {
      const { Item } = await kit.client.get({ TableName: 'shipments', Key: { id } });
      expect(Item).toMatchObject({ amount: 10, times: 4, versions: VERSIONS });
    }
    await kit.expectApplied(consumer);
  });

  it('with faults finds out an effect that counts on one delivery, with every seed', async () => {
    for (const faults of SEEDS) {
      const kit = await aPublishedKit();
      let counted = 0;
      // Such as a reader without an inbox: it sees each repetition of a message.
      const { consumer } = aConsumer(kit.client, {
        handlers: { 'order.placed': () => Promise.reject(new Error(`not an effect ${counted++}`)) },
        onFailure: 'dead-letter',
        attempts: 1,
      });
      const { deliveries } = await kit.deliver(consumer, { faults });
      expect(counted).toBe(deliveries);
      expect(counted).toBeGreaterThan(12);
    }
  });

  it('gives the same deliveries for the same seed, and others for another', async () => {
    const run = async (faults: number): Promise<string[]> => {
      const kit = await aPublishedKit();
      const { consumer, handled } = aConsumer(kit.client);
      await kit.deliver(consumer, { faults });
      return handled.map((text) => text.replace(/:[^:]*$/, ''));
    };
    const [first, again, other] = [await run(3), await run(3), await run(4)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('interleaves keys in other ways than they were written', async () => {
    const orders = new Set<string>();
    for (const faults of SEEDS) {
      const kit = await aPublishedKit();
      const { consumer, handled } = aConsumer(kit.client, { concurrency: 1 });
      await kit.deliver(consumer, { faults });
      orders.add(handled.map((text) => text[0]).join(''));
    }
    expect(orders.size).toBeGreaterThan(8);
  });

  it('parks a key on which a handler fails, and says why', async () => {
    const kit = await aPublishedKit();
    let isBroken = true;
    const { consumer } = aConsumer(kit.client, {
      handlers: {
        'order.placed': (_, { key, version }) => {
          if (isBroken && key === 'b' && version === 2) throw new Error('no such article');
          return undefined;
        },
      },
    });
    const { applied, parked } = await kit.deliver(consumer);
    expect(applied).toBe(9);
    expect(parked.map(({ key, why }) => `${key}: ${why}`)).toEqual([
      'b: Error: no such article',
      'b: An earlier event of the key is parked.',
      'b: An earlier event of the key is parked.',
    ]);
    await expect(kit.expectApplied(consumer)).rejects.toThrow(
      /order\.placed of key "b" at orders-\d@\d: its key is parked/,
    );
    isBroken = false;
    for await (const key of consumer.parkedKeys()) await consumer.redriveParked(key);
    await kit.expectApplied(consumer);
  });

  it('sets aside what the consumer can not read', async () => {
    const kit = aKit();
    kit.append({ topic: 'orders', key: Buffer.from('x'), value: Buffer.from('{'), headers: {} });
    const anEvent = eventFactory(events);
    const message = await anEvent('order.placed', { key: 'y', version: 1, data: { total: 1 } });
    kit.append({ ...message, value: Buffer.from('{"total":"many"}') });
    const other = await anEvent('order.placed', { key: 'z', version: 1, data: { total: 1 } });
    kit.append({ ...other, value: Buffer.from('{') });
    expect(kit.published.map(({ key, data }) => [key, data])).toEqual([
      ['y', { total: 'many' }],
      ['z', Buffer.from('{')],
    ]);
    const { consumer } = aConsumer(kit.client);
    const { deadLetters, parked } = await kit.deliver(consumer);
    expect(deadLetters.map(({ reason }) => reason).toSorted()).toEqual(['not-a-cloudevent', 'undecodable-data']);
    expect(parked.map(({ key, why }) => [key, why.split(':')[0]])).toEqual([['y', 'invalid-data']]);
    await expect(kit.expectApplied(consumer)).rejects.toThrow(/it was dead-lettered, undecodable-data: /);
  });

  it('says where a blocked consumer stands, and why', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client, {
      onFailure: 'block',
      handlers: { 'order.placed': () => Promise.reject(new Error('the reason')) },
    });
    await expect(kit.deliver(consumer, { faults: 9 })).rejects.toMatchObject({
      name: 'AssertionError',
      message: expect.stringMatching(
        /^Consumer "shipping" does not get past order\.placed at orders-\d@\d.*\. the reason \(faults: 9\)$/,
      ) as unknown,
    });
  });

  it('says what of a handler is not simulated', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client, {
      handlers: {
        'order.placed': async () => {
          await kit.client.query({ TableName: 'orders', IndexName: 'byTotal' });
          return undefined;
        },
      },
    });
    const error: unknown = await kit.deliver(consumer).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OutboxError);
    expect(error).toMatchObject({ code: 'not-simulated', details: { what: 'Query with IndexName' } });
  });

  it.each([
    [{ fault: 1 }, 'fault'],
    [{ faults: 1.5 }, 'faults'],
    [{ topics: ['nowhere'] }, 'topics'],
  ])('refuses the option %j', async (options, option) => {
    const kit = aKit();
    await expect(kit.deliver(aConsumer(kit.client).consumer, options as object)).rejects.toMatchObject({
      details: { option },
    });
  });
});
