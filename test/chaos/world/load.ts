import { z } from 'zod';
import { defineEvents, type EventCatalogue, type EventInput } from '../../../lib';
import { deadLetterTopic } from '../../../lib/event/consumer-name';
import type { TopicSpec } from '../../../local/kafka/topics';

/** The topics of a run, by what happens to them. */
export const TOPIC = {
  /** Read by both consumers; one of them emits an event for each of its events. */
  orders: 'orders',
  /** Read by one consumer. It gets more partitions, its limit of bytes shrinks, it falls below min ISR alone. */
  payments: 'payments',
  /** No consumer reads it: it is deleted and made again. It refuses large messages until everything else is settled. */
  archive: 'archive',
  /** No consumer reads it: most events of a long run go there, so that it ends sooner. */
  audit: 'audit',
  /** The events that a consumer emits. */
  confirmed: 'confirmed',
  /** Missing until everything else is settled: its events are refused. */
  missing: 'missing',
} as const;

export const PARTITIONS: Readonly<Record<keyof typeof TOPIC, number>> = {
  ...{ orders: 12, payments: 6, archive: 3, audit: 6 },
  ...{ confirmed: 3, missing: 3 },
};

/** The two consumers, and the topics that they read. */
export const CONSUMERS = [
  { name: 'ledger', topics: [TOPIC.orders, TOPIC.payments], emits: false },
  { name: 'confirmer', topics: [TOPIC.orders], emits: true },
] as const;
export type ConsumerName = (typeof CONSUMERS)[number]['name'];

export const DEAD_LETTER_TOPICS = CONSUMERS.flatMap(({ name, topics }) =>
  topics.map((topic) => ({ consumer: name, topic: deadLetterTopic(topic, name) })),
);

/** Smaller than a large message, and larger than any other. */
export const SMALL_LIMIT_BYTES = 100_000;

export const ARCHIVE: TopicSpec = {
  ...{ topic: TOPIC.archive, partitions: PARTITIONS.archive },
  configs: { 'max.message.bytes': String(SMALL_LIMIT_BYTES) },
};

export const CREATED_TOPICS: readonly TopicSpec[] = [
  ...(['orders', 'payments', 'audit', 'confirmed'] as const).map((topic) => ({ topic, partitions: PARTITIONS[topic] })),
  ARCHIVE,
  ...DEAD_LETTER_TOPICS.map(({ topic }) => ({ topic, partitions: 1, configs: { 'max.message.bytes': '2000000' } })),
];

/** Topics whose messages are judged, apart from the missing one. */
export const READ_TOPICS = [TOPIC.orders, TOPIC.payments, TOPIC.archive, TOPIC.audit, TOPIC.confirmed];

/** The service's table, the consumers' table and that of their effects. */
export const TABLE = { business: 'business', inbox: 'inbox', effects: 'effects' } as const;

export const AGGREGATE = { written: 'order', foreign: 'import', emitted: 'confirmation' } as const;

/** Data that the consumers cannot read until they are deployed again has a text in place of the number. */
const readableByAll = z.object({ n: z.number(), text: z.string().optional() });
const readableByLatest = z.object({ n: z.union([z.number(), z.string()]), text: z.string().optional() });

export const written = defineEvents({
  'order.placed': { schema: readableByLatest, topic: TOPIC.orders },
  'order.paid': { schema: readableByLatest, topic: TOPIC.payments },
  'order.archived': { schema: readableByLatest, topic: TOPIC.archive },
  'order.audited': { schema: readableByLatest, topic: TOPIC.audit },
  'order.misaddressed': { schema: readableByLatest, topic: TOPIC.missing },
});
export type WrittenType = Parameters<typeof written.definitionOf>[0];
/** All types have the same data. */
export type WrittenEvent = EventInput<typeof written extends EventCatalogue<infer D> ? D : never>;

export const emitted = defineEvents({ 'order.confirmed': { schema: readableByAll, topic: TOPIC.confirmed } });

/** The events that a consumer knows: before the deployment that lets it read everything, and after it. */
export const consumed = (isLatest: boolean) => {
  const schema = isLatest ? readableByLatest : readableByAll;
  return defineEvents({
    'order.placed': { schema, topic: TOPIC.orders },
    'order.paid': { schema, topic: TOPIC.payments },
  });
};

/** Of one request of a writer or a consumer to DynamoDB. */
export const REQUEST_LIMITS = { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true };

/** Keys that most transactions change, keys that few change, and keys that several writers change at once. */
export const KEYS = { hot: 100, cold: 10_000, shared: 10 } as const;

/** Three of ten keys have no versions. A key that several writers change has them. */
export const hasVersions = (key: string): boolean => key.startsWith('shared') || !/[012]$/.test(key);
