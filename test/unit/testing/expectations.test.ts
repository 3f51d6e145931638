import { z } from 'zod';
import { defineEvents } from '../../../lib/index';
import { createTestOutbox, type ExpectedEvent } from '../../../lib/testing';
import type { events } from './shop';
import { aConsumer, aKit, place } from './shop';

type Expected = ExpectedEvent<(typeof events)['definitions']>;

async function aPublishedKit() {
  const kit = aKit();
  await place(kit, 'a', 1);
  await place(kit, 'b', 2);
  await place(kit, 'a', 3, { version: 2 });
  await kit.relay();
  return kit;
}

const placed = (key: string, total: number) => ({ type: 'order.placed', key, data: { total } }) as const;

describe('expectPublished', () => {
  it.each<[string, Expected[]]>([
    ['in the order of the commits', [placed('a', 1), placed('b', 2), placed('a', 3)]],
    ['with the keys in any order', [placed('a', 1), placed('a', 3), placed('b', 2)]],
    ['with the keys in any other order', [placed('b', 2), placed('a', 1), placed('a', 3)]],
    ['by some of the fields', [{ type: 'order.placed', key: 'b' }, placed('a', 1), { type: 'order.placed', key: 'a' }]],
  ])('passes %s', async (_, expected) => {
    const kit = await aPublishedKit();
    expect(() => kit.expectPublished(expected)).not.toThrow();
  });

  it.each<[string, Expected[]]>([
    ['an event is missing', [placed('a', 1), placed('b', 2), placed('a', 3), placed('a', 4)]],
    ['a key is missing', [placed('a', 1), placed('b', 2), placed('a', 3), placed('c', 1)]],
    ['there is one more', [placed('a', 1), placed('b', 2)]],
    ['there is a key more', [placed('a', 1), placed('a', 3)]],
    ['nothing was expected', []],
    ['the order of a key differs', [placed('a', 3), placed('b', 2), placed('a', 1)]],
    ['the data differ', [placed('a', 1), placed('b', 2.5), placed('a', 3)]],
    [
      'the data have more',
      [placed('a', 1), { ...placed('b', 2), data: { total: 2, more: 1 } as never }, placed('a', 3)],
    ],
    ['the type differs', [placed('a', 1), { ...placed('b', 2), type: 'order.paid' }, placed('a', 3)]],
    ['the version differs', [placed('a', 1), { ...placed('b', 2), version: 2 }, placed('a', 3)]],
    ['the topic differs', [placed('a', 1), { ...placed('b', 2), topic: 'stock' }, placed('a', 3)]],
    ['the headers differ', [placed('a', 1), { ...placed('b', 2), headers: { tenant: '1' } }, placed('a', 3)]],
    ['the id differs', [placed('a', 1), { ...placed('b', 2), id: 'other' }, placed('a', 3)]],
    ['the source differs', [placed('a', 1), { ...placed('b', 2), source: '/other/order' }, placed('a', 3)]],
  ])('fails when %s', async (_, expected) => {
    const kit = await aPublishedKit();
    expect(() => kit.expectPublished(expected)).toThrow(
      expect.objectContaining({ name: 'AssertionError', code: 'ERR_ASSERTION' }),
    );
  });

  it('shows the difference, once', async () => {
    const kit = await aPublishedKit();
    const expectOther = () => kit.expectPublished([placed('a', 1), placed('b', 2.5), placed('a', 3)]);
    expect(expectOther).toThrow(/order counts within a topic and key[^]*\+ +total: 2$[^]*- +total: 2\.5$/m);
    expect(expectOther).not.toThrow(/total: 2\.5$[^]*total: 2\.5$/m);
  });

  it('names what is parked', async () => {
    const kit = aKit();
    kit.refuse(() => 'message-refused');
    await place(kit, 'a', 1);
    await place(kit, 'a', 2, { version: 2 });
    await kit.relay();
    expect(() => kit.expectPublished([placed('a', 1)])).toThrow(
      /Parked, with 1 waiting behind: order#a at 1: message-refused, Topic "orders" refuses/,
    );
  });

  it('fails as long as something is not published, also when nothing is expected', async () => {
    const kit = aKit();
    await place(kit, 'a', 1);
    expect(() => kit.expectPublished([])).toThrow(/1 outbox item is not published yet: call relay\(\) first/);
  });

  it('passes for nothing when there is nothing', () => {
    expect(() => aKit().expectPublished([])).not.toThrow();
  });

  it('compares data as they are written: dates, texts, bytes and tombstones', async () => {
    const kinds = defineEvents({
      dated: { schema: z.object({ at: z.coerce.date() }), topic: 'kinds' },
      text: { schema: z.string(), topic: 'kinds', contentType: 'text/plain' },
      bytes: { schema: z.instanceof(Uint8Array), topic: 'kinds', contentType: 'application/octet-stream' },
      gone: { schema: z.undefined(), topic: 'kinds' },
    });
    const kit = createTestOutbox({ events: kinds });
    const data = { dated: { at: new Date(0) }, text: 'a', bytes: new Uint8Array([1, 2]) };
    await kit.outbox.transact(kit.client, {
      changes: [
        {
          aggregate: 'kind',
          key: '1',
          events: [
            { type: 'dated', data: data.dated },
            { type: 'text', data: data.text },
            { type: 'bytes', data: data.bytes },
            { type: 'gone' },
          ],
        },
      ],
    });
    await kit.relay();
    const expected = [
      { type: 'dated', key: '1', data: data.dated },
      { type: 'text', key: '1', data: data.text },
      { type: 'bytes', key: '1', data: data.bytes },
      { type: 'gone', key: '1', data: undefined },
    ] as const;
    kit.expectPublished(expected);
    for (const [at, other] of [{ at: new Date(1) }, 'b', new Uint8Array([1]), null].entries()) {
      const wrong = expected.map((event, index) => (index === at ? { ...event, data: other } : event));
      expect(() => kit.expectPublished(wrong as never)).toThrow(/order counts within a topic and key/);
    }
  });

  it('refuses a misspelt field and an unknown type', async () => {
    const kit = await aPublishedKit();
    expect(() => kit.expectPublished([{ ...placed('a', 1), dat: 1 } as never])).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        details: expect.objectContaining({ option: 'expected[0].dat' }),
      }),
    );
    expect(() => kit.expectPublished([{ type: 'order.plaсed', key: 'a' } as never])).toThrow(
      expect.objectContaining({ code: 'unknown-event-type' }),
    );
  });
});

describe('expectApplied', () => {
  it('passes when the consumer has applied the token, and fails before', async () => {
    const kit = aKit();
    const { consumer } = aConsumer(kit.client);
    const tokens = await place(kit, 'a', 1);
    await kit.relay();
    await expect(kit.expectApplied(consumer, tokens)).rejects.toThrow(
      /order\.placed of key "a" at orders-\d@0: it was not delivered; call deliver\(\) first/,
    );
    await kit.deliver(consumer);
    await kit.expectApplied(consumer, tokens);
    await kit.expectApplied(consumer, tokens[0]);
  });

  it('fails for a token of what is not published', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client);
    await kit.deliver(consumer);
    const other = aKit();
    const tokens = await place(other, 'z', 1);
    await expect(kit.expectApplied(consumer, tokens)).rejects.toThrow(
      /key "z" for topic "orders": it is not published/,
    );
  });

  it('fails as long as something is not published', async () => {
    const kit = aKit();
    await place(kit, 'a', 1);
    await expect(kit.expectApplied(aConsumer(kit.client).consumer)).rejects.toThrow(/call relay\(\) first/);
  });

  it('fails when there is nothing that the consumer has a handler for', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client, { handlers: { 'stock.reserved': () => undefined } });
    await expect(kit.expectApplied(consumer)).rejects.toThrow(/Nothing was published .* handler for: stock\.reserved/);
  });

  it('names the seed of the last delivery with faults', async () => {
    const kit = await aPublishedKit();
    const { consumer } = aConsumer(kit.client, {
      handlers: { 'order.placed': () => Promise.reject(new Error('never')) },
    });
    await kit.deliver(consumer, { faults: 12 });
    await expect(kit.expectApplied(consumer)).rejects.toThrow(/The last faults were 12\./);
  });
});
