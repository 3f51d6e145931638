import { randomBytes } from 'node:crypto';
import { ConfigResourceTypes } from 'kafkajs';
import { deadLetterTopic } from '../../lib/event/consumer-name';
import { createTopics, deleteTopic, withAdmin } from '../kafka/topics';
import { waitUntil } from '../wait-until';
import { CONSUMER, deadLettersOf, SETTLED_MS, type Shop } from './shop';

/** The teams that can be called, and the systems that each can change. */
export const TEAMS = {
  orders: 'writes the orders: service, data, deployments',
  shipping: 'runs the consumer "shipping": service, deployments',
  kafka: 'runs the brokers and their settings',
  platform: 'runs the AWS account: tables, functions, event source mappings',
} as const;
export type Team = keyof typeof TEAMS;

/** An incident as it reaches the engineer on call. */
export interface Incident {
  /** The text of the ticket, which does not name the cause. */
  readonly ticket: string;
  readonly begin: (shop: Shop) => Promise<void>;
  /** For each team that can help: its action when it is called, and its reply. */
  readonly teams?: Partial<Record<Team, (shop: Shop) => string | Promise<string>>>;
}

const LIMIT = 'max.message.bytes';
const setLimit = (shop: Shop, topic: string, value: string): Promise<unknown> =>
  withAdmin(shop.stack.brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: LIMIT, value }] }],
    }),
  );

/** By number, in no particular order: a number gives no hint at the cause. */
export const INCIDENTS: Readonly<Record<number, Incident>> = {
  1: {
    ticket: 'Order 1101 was exported ten minutes ago, and the accounting department has not received it.',
    begin: async (shop) => {
      await shop.write('1101', 'order.exported');
    },
    teams: {
      orders: () => 'The export is new since today: "order.exported" on topic "exports". It is what we meant.',
    },
  },
  2: {
    ticket: 'The address of order 1102 was changed in the shop. The parcel label still has the old one.',
    begin: async (shop) => {
      shop.failing.add('1102');
      await shop.write('1102', 'order.placed');
      await shop.write('1102', 'order.changed');
    },
    teams: {
      shipping: (shop) => {
        shop.failing.delete('1102');
        return 'An address check was wrong. The fix is deployed.';
      },
    },
  },
  3: {
    ticket: 'Since a few minutes no order at all reaches shipping.',
    begin: async (shop) => {
      await Promise.all((shop.stack.kafka?.nodes ?? []).map((node) => node.kill()));
      for (const id of ['1103', '1203', '1303']) await shop.write(id, 'order.placed');
    },
    teams: {
      kafka: async (shop) => {
        await Promise.all((shop.stack.kafka?.nodes ?? []).map((node) => node.start()));
        await shop.stack.kafka?.ready();
        return 'A broker was down. It runs again.';
      },
    },
  },
  4: {
    ticket: 'Order 1104 was gift-wrapped on request. The packing list does not say so.',
    begin: async (shop) => {
      shop.mayBeLate.add('1104');
      await shop.write('1104', 'order.placed');
      await shop.write('1104', 'order.gift-wrapped');
      await shop.write('1104', 'order.changed');
    },
    teams: {
      shipping: async (shop) => {
        shop.isNew = true;
        await shop.stopShipping();
        await shop.startShipping();
        return 'We did not know this event type. The new version is deployed and reads it.';
      },
    },
  },
  5: {
    ticket:
      'Customer service wrote a long note to order 1105. It is not on the notes board, and neither are later ones.',
    begin: async (shop) => {
      await shop.write('1105', 'order.noted', { text: randomBytes(4_000).toString('base64') });
      await shop.write('1105', 'order.noted', { text: 'short' });
    },
    teams: {
      kafka: async (shop) => {
        await setLimit(shop, 'notes', '1000000');
        return `Topic "notes" takes messages of up to 1 MB now (${LIMIT}).`;
      },
    },
  },
  6: {
    ticket: 'Orders 1106 and 1206 are paid, but shipping does not know them.',
    begin: async (shop) => {
      await shop.stack.mapping.caughtUp();
      await shop.stack.mapping.disable();
      for (const id of ['1106', '1206']) await shop.write(id, 'order.placed');
    },
    teams: {
      platform: (shop) => {
        shop.stack.mapping.enable();
        return "The relay's event source mapping was disabled. It is enabled again.";
      },
    },
  },
  7: {
    ticket: 'Order 1107 was placed and then changed. Nothing of it reaches shipping.',
    begin: async (shop) => {
      await shop.writeByHand('1107', { id: 'by-hand', events: 'order.placed', source: '/shop/order' });
      await shop.write('1107', 'order.placed');
    },
    teams: {
      orders: () => 'The first item of 1107 was written by hand, in a test. You can discard it.',
    },
  },
  8: {
    ticket:
      'Three orders of this morning (1108, 1208, 1308) are missing at shipping. Later ones of other customers are there.',
    begin: async (shop) => {
      await shop.stack.mapping.caughtUp();
      await shop.stack.mapping.disable();
      for (const id of ['1108', '1208', '1308']) await shop.write(id, 'order.placed');
      await shop.stack.recreateStream();
      shop.stack.mapping.enable();
      await shop.write('1408', 'order.placed');
    },
  },
  9: {
    ticket: 'A refund of order 1109 is not in the payments. A later payment of the same order is missing, too.',
    begin: async (shop) => {
      await shop.write('1109', 'order.placed');
      await shop.write('1109', 'order.refunded');
      await shop.write('1109', 'order.paid');
    },
    teams: {
      orders: () =>
        'The refund belongs on "payments"; our last version has a misspelt topic. The writer is fixed. You may correct the item that is written.',
    },
  },
  10: {
    ticket: 'Nothing of order 1110 has arrived at shipping since it was gift-wrapped, and its partition lags.',
    begin: async (shop) => {
      await deleteTopic(shop.stack.brokers, deadLetterTopic('orders', CONSUMER));
      shop.isNew = false;
      await shop.stopShipping();
      await shop.startShipping();
      shop.mayBeLate.add('1110');
      await shop.write('1110', 'order.placed');
      await shop.write('1110', 'order.gift-wrapped');
      await shop.write('1110', 'order.changed');
    },
    teams: {
      kafka: async (shop) => {
        await createTopics(shop.stack.brokers, [deadLettersOf('orders')]);
        return 'A clean-up of topics had deleted "orders.shipping.dlt". The topic exists again.';
      },
      shipping: async (shop) => {
        shop.isNew = true;
        await shop.stopShipping();
        await shop.startShipping();
        return 'We had rolled back to the old version by mistake. The new one, which reads gift wrapping, is deployed.';
      },
    },
  },
  11: {
    ticket: 'The shipping desk sees no new orders. Order 1111 is one of them.',
    begin: async (shop) => {
      await shop.stopShipping();
      await shop.write('1111', 'order.placed');
      await waitUntil('The event on its topic', SETTLED_MS, async () => {
        await shop.stack.mapping.caughtUp();
        return true;
      });
    },
    teams: {
      shipping: async (shop) => {
        await shop.startShipping();
        return 'The service had no instance. It runs again.';
      },
    },
  },
  12: {
    ticket: 'The audit reports that payments of order 1112 are missing on topic "payments". Shipping has all of them.',
    begin: async (shop) => {
      await shop.write('1112', 'order.paid');
      await shop.settled();
      await shop.stopShipping();
      await deleteTopic(shop.stack.brokers, 'payments');
      await createTopics(shop.stack.brokers, [{ topic: 'payments', partitions: 3 }]);
      await shop.startShipping();
    },
  },
  13: {
    ticket: 'The refund of order 1113 has not reached shipping. A colleague has "cleaned something up" an hour ago.',
    begin: async (shop) => {
      await shop.write('1113', 'order.placed');
      await shop.write('1113', 'order.refunded');
      await shop.write('1113', 'order.changed');
      const key = { pk: 'order#1113', sk: '0000000000000002' };
      const place = { TableName: shop.stack.tableName, Key: key };
      await waitUntil('The refund to be parked', SETTLED_MS, async () => {
        const { Item } = await shop.document.get({ ...place, ConsistentRead: true });
        return Item?.['parked'] === undefined ? undefined : Item;
      });
      await shop.document.delete(place);
    },
    teams: {
      orders: (shop) => {
        shop.giveUp('1113', '1113.2');
        return 'We refund order 1113 again by hand, with a new event. The deleted one is to be given up.';
      },
    },
  },
};
