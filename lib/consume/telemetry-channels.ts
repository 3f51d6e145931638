import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, reportChannel, reportingMethods, type ChannelEvent, type ReportChannel } from '../event/channels';
import type { Attempt, AttemptTracer } from './attempt';
import type { DecodedEvent, EventEnvelope } from './decode';
import type { SequenceGap } from './gap';
import type { InboxKey } from './inbox-keys';
import type { ConsumerTelemetry, DeadLetterReason, MessagesGone } from './ports';
import type { ConsumerRequestResult } from './request';

/** An event that a consumer processes, and its place. */
export interface ProcessedEvent extends ChannelEvent {
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * One attempt at an event: its handler, and the commit of its effects. Duplicates, gaps and messages that cannot be
 * read have none, because no handler runs for them.
 */
export interface ProcessMessage {
  /** The consumer's name, which is that of its Kafka group. */
  readonly consumer: string;
  /**
   * More than one only with `eventsOfKeyPerTransaction`: all are of one key. If they fail together, the consumer attempts
   * each alone.
   */
  readonly events: readonly ProcessedEvent[];
  /** Counts from 1. */
  readonly attempt: number;
  /** The same delivery was attempted before, or waited for a service. */
  readonly isRepeated: boolean;
  /**
   * Set before `asyncEnd` of an attempt that has not failed. `undecided`: nothing was committed, because the inbox has
   * changed meanwhile or the events cannot share a transaction. The consumer begins again.
   */
  outcome?: 'applied' | 'undecided';
  /** Set before `error`: that of the handler, or of the commit. */
  readonly error?: unknown;
}

/** A report of a consumer; `report` names the method of {@link ConsumerTelemetry}. */
export type ConsumerReport = { readonly consumer: string } & ConsumerFact;

/** A fact about a consumer's work, with the arguments of the method of {@link ConsumerTelemetry}. */
export type ConsumerFact =
  /** `latencyMs`: milliseconds from commit to effect, if the commit time is known. */
  | { readonly report: 'applied'; readonly event: EventEnvelope; readonly latencyMs?: number }
  | { readonly report: 'duplicateIgnored'; readonly event: EventEnvelope; readonly below: boolean }
  | { readonly report: 'replayIgnored'; readonly event: EventEnvelope }
  | { readonly report: 'unknownTypeSkipped'; readonly event: EventEnvelope }
  | { readonly report: 'late'; readonly event: EventEnvelope }
  | { readonly report: 'gap'; readonly event: EventEnvelope; readonly gap: SequenceGap; readonly waits: boolean }
  | { readonly report: 'lostIdentity'; readonly event: EventEnvelope; readonly applied: boolean }
  | { readonly report: 'keyDelayed'; readonly event: EventEnvelope; readonly cause: unknown }
  | {
      readonly report: 'attemptFailed';
      readonly event: EventEnvelope;
      readonly attempt: number;
      readonly cause: unknown;
    }
  | {
      readonly report: 'deadLettered';
      readonly topic: string;
      readonly partition: number;
      readonly offset: bigint;
      readonly reason: DeadLetterReason;
    }
  | {
      readonly report: 'deadLetterFailed';
      readonly topic: string;
      readonly partition: number;
      readonly offset: bigint;
      readonly cause: unknown;
    }
  | { readonly report: 'parked'; readonly event: EventEnvelope; readonly why: string }
  | { readonly report: 'released'; readonly key: InboxKey }
  | { readonly report: 'requestCompleted'; readonly result: ConsumerRequestResult }
  | { readonly report: 'requestFailed'; readonly cause: unknown }
  | { readonly report: 'outage'; readonly cause: unknown }
  | { readonly report: 'outageOver' }
  | { readonly report: 'commitFailed'; readonly cause: unknown }
  | { readonly report: 'readFailed'; readonly cause: unknown }
  | { readonly report: 'messagesGone'; readonly gone: MessagesGone }
  | { readonly report: 'topicsMissing'; readonly topics: readonly string[] }
  | { readonly report: 'rebalanced'; readonly assigned: Readonly<Record<string, readonly number[]>> };

/** The attempts of consumers. */
export const processChannel: TracingChannel<unknown, ProcessMessage> = tracingChannel<unknown, ProcessMessage>(
  CHANNELS.process,
);

/** The reports of consumers. */
export const consumerChannel: ReportChannel<ConsumerReport> = reportChannel(CHANNELS.consumer);

/** Publishes each attempt. Subscribers cannot change its result. */
export const channelTracer = (consumer: string): AttemptTracer => ({
  process(attempts, work) {
    const [first] = attempts;
    if (first === undefined || !processChannel.hasSubscribers) return work();
    const { number, isRepeated = false } = first;
    const events = attempts.map(processedEventOf);
    const message: ProcessMessage = { consumer, events, attempt: number, isRepeated: isRepeated || number > 1 };
    return processChannel.tracePromise(async () => {
      const isApplied = await work();
      message.outcome = isApplied ? 'applied' : 'undecided';
      return isApplied;
    }, message);
  },
});

const processedEventOf = ({ content, record }: Attempt<DecodedEvent>): ProcessedEvent => {
  const { id, source, type, topic, key, traceparent, tracestate, correlationId } = content;
  const { partition, offset, value } = record;
  const bytes = value?.length;
  return { id, source, type, topic, partition, offset, key, bytes, traceparent, tracestate, correlationId };
};

/** `flush` is no fact. */
type Reports = Required<Omit<ConsumerTelemetry, 'flush'>>;
type Fields<Report extends ConsumerFact['report']> = Omit<Extract<ConsumerFact, { readonly report: Report }>, 'report'>;

/** The fields of each report, from the arguments of the method. */
const FIELDS: { readonly [Name in keyof Reports]: (...given: Parameters<Reports[Name]>) => Fields<Name> } = {
  applied: (event, latencyMs) => ({ event, latencyMs }),
  duplicateIgnored: (event, { below }) => ({ event, below }),
  replayIgnored: (event) => ({ event }),
  unknownTypeSkipped: (event) => ({ event }),
  late: (event) => ({ event }),
  gap: (event, gap, { waits }) => ({ event, gap, waits }),
  lostIdentity: (event, { applied }) => ({ event, applied }),
  keyDelayed: (event, cause) => ({ event, cause }),
  attemptFailed: (event, attempt, cause) => ({ event, attempt, cause }),
  deadLettered: ({ topic, partition, offset }, { reason }) => ({ topic, partition, offset, reason }),
  deadLetterFailed: ({ topic, partition, offset }, cause) => ({ topic, partition, offset, cause }),
  parked: (event, why) => ({ event, why }),
  released: (key) => ({ key }),
  requestCompleted: (result) => ({ result }),
  requestFailed: (cause) => ({ cause }),
  outage: (cause) => ({ cause }),
  outageOver: () => ({}),
  commitFailed: (cause) => ({ cause }),
  readFailed: (cause) => ({ cause }),
  messagesGone: (gone) => ({ gone }),
  topicsMissing: ({ topics }) => ({ topics }),
  rebalanced: ({ assigned }) => ({ assigned }),
};

/** Calls every method of `telemetry`, and then publishes the report. */
export function reportedTelemetry(consumer: string, telemetry: ConsumerTelemetry): ConsumerTelemetry {
  const { topicsMissing, ...methods } = reportingMethods(telemetry, FIELDS, consumerChannel, { consumer });
  return {
    ...methods,
    // Without this method, the consumer reports missing topics by another one.
    ...(telemetry.topicsMissing === undefined ? {} : { topicsMissing }),
    flush: () => telemetry.flush(),
  } as unknown as ConsumerTelemetry;
}
