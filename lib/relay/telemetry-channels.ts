import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import {
  CHANNELS,
  channelEventOf,
  reportChannel,
  reportingMethods,
  type ChannelEvent,
  type ReportChannel,
} from '../event/channels';
import type { OperatorNote } from '../event/signal';
import type { TopicPartition } from '../event/topic-partition';
import type { Publisher, Telemetry } from './ports';

/** The events that the relay sends to one partition, in order. Kafka stores all of them, or none. */
export interface SentBatch extends TopicPartition {
  readonly events: readonly ChannelEvent[];
}

/**
 * The outcome of a batch. `acked`: `baseOffset` is the offset of its first event. `outage`: the relay sends it again.
 * `poison`: Kafka refuses its content, and the relay parks the events that it refuses alone.
 */
export type SendOutcome =
  | { readonly kind: 'acked'; readonly baseOffset: bigint }
  | { readonly kind: 'outage'; readonly message: string; readonly cause?: unknown }
  | { readonly kind: 'poison'; readonly reason: string; readonly message: string; readonly cause?: unknown };

/** One send of the relay, with at most one batch for each partition. */
export interface SendMessage {
  readonly outbox: string;
  readonly batches: readonly SentBatch[];
  /** One for each batch, in their order; set before `asyncEnd`. */
  outcomes?: readonly SendOutcome[];
  /** Set before `error`, which happens only if the publisher breaks its contract: failures of Kafka are outcomes. */
  readonly error?: unknown;
}

/** A report of the relay; `report` names the fact. */
export type RelayReport = { readonly outbox: string } & RelayFact;

/** A fact about the relay's work. */
export type RelayFact =
  | { readonly report: 'received'; readonly records: number }
  /** `latencyMs`: milliseconds from commit to acknowledgement, one value for each event. */
  | { readonly report: 'published'; readonly bytes: number; readonly latencyMs: readonly number[] }
  | { readonly report: 'duplicateSkipped'; readonly pk: string; readonly sk: string; readonly id?: string }
  | { readonly report: 'heldBack'; readonly pk: string; readonly sk: string; readonly reason: string }
  | {
      readonly report: 'parked';
      readonly pk: string;
      readonly sk: string;
      readonly id?: string;
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly report: 'breakerOpen';
      readonly pk: string;
      readonly sk: string;
      readonly reason: string;
      readonly recentHolds: number;
    }
  | { readonly report: 'markFailed'; readonly pk: string; readonly sk: string; readonly cause: unknown }
  /** `since`: epoch milliseconds of the first known failure. */
  | {
      readonly report: 'outage';
      readonly message: string;
      readonly cause?: unknown;
      readonly partitions?: readonly TopicPartition[];
      readonly since?: number;
    }
  | {
      readonly report: 'heldForPartition';
      readonly topic: string;
      readonly partition: number;
      readonly keys: number;
    }
  | {
      readonly report: 'waitingForPartitions';
      readonly partitions: readonly TopicPartition[];
      readonly keys: number;
    }
  | {
      readonly report: 'partitionRecovered';
      readonly topic: string;
      readonly partition: number;
      readonly keys: number;
    }
  | { readonly report: 'keyFailed'; readonly pk: string; readonly message: string; readonly cause?: unknown }
  | { readonly report: 'producerRebuilt'; readonly cause: unknown }
  | { readonly report: 'signalUnprocessable'; readonly pk: string; readonly sk: string; readonly why: string }
  | {
      readonly report: 'lookedUp';
      readonly reason: 'late' | 'gap-suspected' | 'redelivered';
      readonly count: number;
    }
  | {
      readonly report: 'drained';
      readonly pk: string;
      readonly outcome: 'done' | 'held' | 'postponed' | 'failed';
      readonly published: number;
      readonly requests: readonly OperatorNote[];
    }
  | {
      readonly report: 'discarded';
      readonly pk: string;
      readonly position: string;
      readonly id?: string;
      readonly request: OperatorNote;
    }
  | {
      readonly report: 'replayed';
      readonly pk: string;
      readonly replayId: string;
      readonly items: number;
      readonly request: OperatorNote;
    }
  | {
      readonly report: 'attemptAfterCrash';
      readonly pk: string;
      readonly sk: string;
      readonly attemptsStarted: number;
    }
  | { readonly report: 'predecessorMissing'; readonly pk: string; readonly sk: string }
  | { readonly report: 'streamChanged'; readonly from?: string; readonly to: string }
  /** The end of an invocation. `failedFrom`: the sequence number from which Lambda delivers again, if any. */
  | { readonly report: 'finished'; readonly failedFrom?: string };

/** The sends of the relay to Kafka. */
export const sendChannel: TracingChannel<unknown, SendMessage> = tracingChannel<unknown, SendMessage>(CHANNELS.send);

/** The reports of the relay. */
export const relayChannel: ReportChannel<RelayReport> = reportChannel(CHANNELS.relay);

/** Publishes each send of `publisher`. Subscribers cannot change its outcomes. */
export const tracedPublisher = (outbox: string, publisher: Publisher): Publisher => ({
  partitionCount: (topic) => publisher.partitionCount(topic),
  knownPartitionCount: (topic) => publisher.knownPartitionCount?.(topic),
  otherPartitionsInSync: (topic, partition) => publisher.otherPartitionsInSync(topic, partition),
  publish(batches) {
    if (!sendChannel.hasSubscribers) return publisher.publish(batches);
    const message: SendMessage = {
      outbox,
      batches: batches.map(({ topic, partition, messages }) => ({
        topic,
        partition,
        events: messages.map(channelEventOf),
      })),
    };
    return sendChannel.tracePromise(async () => {
      const outcomes = await publisher.publish(batches);
      message.outcomes = outcomes;
      return outcomes;
    }, message);
  },
});

type Fields<Report extends RelayFact['report']> = Omit<Extract<RelayFact, { readonly report: Report }>, 'report'>;

/** The fields of each report, from the arguments of the method. */
const FIELDS: { readonly [Name in keyof Telemetry]: (...given: Parameters<Telemetry[Name]>) => Fields<Name> } = {
  received: (records) => ({ records }),
  published: ({ bytes, latencyMs }) => ({ bytes, latencyMs }),
  duplicateSkipped: ({ pk, sk, id }) => ({ pk, sk, id }),
  heldBack: ({ pk, sk }, { reason }) => ({ pk, sk, reason }),
  parked: ({ pk, sk, id, reason, message }) => ({ pk, sk, id, reason, message }),
  breakerOpen: ({ pk, sk, reason }, recentHolds) => ({ pk, sk, reason, recentHolds }),
  markFailed: ({ pk, sk }, cause) => ({ pk, sk, cause }),
  outage: ({ message, cause, partitions, since }) => ({ message, cause, partitions, since }),
  heldForPartition: ({ topic, partition }, keys) => ({ topic, partition, keys }),
  waitingForPartitions: (partitions, keys) => ({ partitions, keys }),
  partitionRecovered: ({ topic, partition }, keys) => ({ topic, partition, keys }),
  keyFailed: (pk, { message, cause }) => ({ pk, message, cause }),
  producerRebuilt: (cause) => ({ cause }),
  signalUnprocessable: ({ pk, sk }, why) => ({ pk, sk, why }),
  lookedUp: (reason, count) => ({ reason, count }),
  drained: ({ pk, outcome, published, signals }) => ({
    pk,
    outcome,
    published,
    requests: signals.map(({ request }) => request),
  }),
  discarded: ({ pk, position, id, request }) => ({ pk, position, id, request }),
  replayed: ({ pk, replayId, request }, items) => ({ pk, replayId, items, request }),
  attemptAfterCrash: ({ pk, sk }, attemptsStarted) => ({ pk, sk, attemptsStarted }),
  predecessorMissing: ({ pk, sk }) => ({ pk, sk }),
  streamChanged: (from, to) => ({ from, to }),
  finished: ({ failedFrom }) => ({ failedFrom }),
};

/** Calls every method of `telemetry`, and then publishes the report. */
export const reportedTelemetry = (outbox: string, telemetry: Telemetry): Telemetry =>
  reportingMethods(telemetry, FIELDS, relayChannel, { outbox }) as unknown as Telemetry;
