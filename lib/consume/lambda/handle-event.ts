import { partitionName } from '../../event/topic-partition';
import { OutboxError } from '../../event/errors';
import { anyValue, integer, readOptions, type OptionTable } from '../../event/option-rules';
import type { Consumer } from '../consumer';
import { HANDLER_MARGIN_MS } from '../environment';
import { queueKeyOf } from '../inbox-keys';
import { KeyQueues } from '../key-queues';
import { OffsetTracker } from '../offsets';
import type { DeadLetters } from '../ports';
import type { InFlightMessage } from '../in-flight';
import type { ConsumedRecord } from '../record';
import { Semaphore } from '../semaphore';
import { recordsOf, type KafkaEvent } from './kafka-event';
import { atMost } from '../../timing/wait';

/** The part of Lambda's context that is read. */
export interface InvocationContext {
  /** Until Lambda ends the invocation. */
  getRemainingTimeInMillis(): number;
}

/** Tells Lambda where to continue in each partition. */
export interface KafkaBatchResponse {
  readonly batchItemFailures: readonly {
    readonly itemIdentifier: { readonly partition: string; readonly offset: number };
  }[];
}

/** The options of {@link handleKafkaEvent}. */
export interface KafkaHandlerOptions {
  /** Made by `createConsumer`. */
  readonly consumer: Consumer;
  /** Made by `kafkajsDeadLetters`. */
  readonly deadLetters: DeadLetters;
  /**
   * Whether the event source mapping has `ReportBatchItemFailures`, which Lambda offers for Kafka in provisioned mode.
   * Without it Lambda ignores the response. The handler then throws if any message is unfinished, and Lambda delivers
   * the whole batch again; applied messages are ignored as duplicates.
   *
   * @default false
   */
  readonly partialBatchResponse?: boolean;
  /**
   * How long before the function's timeout the handler stops starting work; at most half of the time that an invocation
   * has. Work in progress may use half of the margin; after that it counts as unfinished. An integer from 1 to 900000.
   *
   * @default 5000
   */
  readonly marginMs?: number;
}

const OPTIONS = {
  consumer: anyValue(),
  deadLetters: anyValue(),
  partialBatchResponse: anyValue(false),
  marginMs: integer({ min: 1, max: 900_000, default: HANDLER_MARGIN_MS }),
} satisfies OptionTable<KafkaHandlerOptions>;

/**
 * A Lambda handler that applies the events of a Kafka event source mapping.
 *
 * It never waits for longer than an invocation: in an outage, or if a key is blocked, it leaves the rest to Lambda's
 * next delivery. Messages that it does not report are finished.
 *
 * For an event without records, `{ "records": {} }`, it only polls for requests of operators. It rejects with
 * `invalid-option`, and processes nothing, if the event is not that of a Kafka event source mapping.
 *
 * @example
 * ```ts
 * const deadLetters = kafkajsDeadLetters({ kafka, consumer: consumer.name });
 * export const handler = handleKafkaEvent({ consumer, deadLetters });
 * ```
 */
export function handleKafkaEvent(
  options: KafkaHandlerOptions,
): (event: KafkaEvent, context: InvocationContext) => Promise<KafkaBatchResponse> {
  const { consumer, deadLetters, partialBatchResponse, marginMs } = readOptions(options, OPTIONS);
  const processor = consumer.processor(deadLetters, 'leave');
  const { concurrency, eventsOfKeyPerTransaction, telemetry } = consumer.settings;
  const poll = pollWhenDue(consumer);
  return async (event, context) => {
    const records = recordsOf(event);
    const givenMs = context.getRemainingTimeInMillis();
    // With the full margin, a function with a shorter timeout would never start any work.
    const restMs = Math.min(marginMs, givenMs / 2);
    const signal = AbortSignal.timeout(Math.max(0, Math.floor(givenMs - restMs)));
    const blocked = new Set<string>();
    // An outage ends the work of one invocation only; the next one tries again.
    consumer.circuitBreaker.recordSuccess();
    const queues = new KeyQueues<InFlightMessage>(async (messages, queue) => {
      const key = messages.map(({ record }) => queueKeyOf(record))[0] ?? '';
      // No event of a key may overtake an unsettled one.
      if (blocked.has(key)) return;
      if ((await processor.process(messages, queue)) === 'unsettled') blocked.add(key);
    }, eventsOfKeyPerTransaction);
    const polling = poll(signal, records.length === 0);
    const partitions = records.map((ofPartition) => begin(ofPartition, concurrency, signal, queues));
    // A handler that never ends must not prevent the response.
    await atMost(context.getRemainingTimeInMillis() - restMs / 2, Promise.all([queues.idle(), polling]));
    telemetry.flush();
    const unfinished = partitions.flatMap(({ name, offsets: { lowestUnfinished } }) =>
      lowestUnfinished === undefined ? [] : [{ itemIdentifier: { partition: name, offset: Number(lowestUnfinished) } }],
    );
    // Lambda freezes the environment now. Calls that hang must not block the next invocation.
    if (unfinished.length > 0) consumer.abandonCalls();
    if (unfinished.length === 0 || partialBatchResponse) return { batchItemFailures: unfinished };
    const places = unfinished.map(({ itemIdentifier: { partition, offset } }) => `${partition}@${offset}`);
    throw new OutboxError(
      'batch-unfinished',
      `The batch is not finished; the first unfinished messages are ${places.join(', ')}. Lambda delivers the whole batch again, and the consumer ignores the messages that are applied.`,
      { places },
    );
  };
}

/** Lambda ends every invocation after 15 minutes. */

/** The longest time that a poll delays a batch. The next invocation continues the poll. */
const POLL_MS = 10_000;

/** Polls next to the batch when a poll is due. If a handler hangs, the poll continues in the next invocation. */
function pollWhenDue({ requests, settings }: Consumer): (signal: AbortSignal, isAsked: boolean) => Promise<void> {
  const { redriveIntervalMs, clock } = settings;
  let dueAt = 0;
  let current: Promise<void> | undefined;
  return async (signal, isAsked) => {
    const now = clock.now();
    if (current === undefined) {
      if (!isAsked && (redriveIntervalMs === 0 || now < dueAt)) return;
      dueAt = now + redriveIntervalMs;
      const limit = isAsked ? signal : AbortSignal.any([signal, AbortSignal.timeout(POLL_MS)]);
      current = requests.poll(limit).then((isLeft) => {
        if (isLeft) dueAt = now;
        current = undefined;
      });
    }
    await (isAsked ? current : atMost(POLL_MS, current));
  };
}

function begin(
  records: readonly ConsumedRecord[],
  concurrency: number,
  signal: AbortSignal,
  queues: KeyQueues<InFlightMessage>,
): { readonly name: string; readonly offsets: OffsetTracker } {
  const offsets = new OffsetTracker();
  const semaphore = new Semaphore(concurrency);
  for (const record of records) {
    offsets.begin(record.offset);
    queues.add(queueKeyOf(record), { record, semaphore, signal, finished: () => offsets.finish(record.offset) });
  }
  const [first] = records;
  return { name: first === undefined ? '' : partitionName(first), offsets };
}
