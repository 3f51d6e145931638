import { AssertionError } from 'node:assert';
import type { Consumer } from '../consume/consumer';
import { handleKafkaEvent, type KafkaBatchResponse } from '../consume/lambda/handle-event';
import type { KafkaEvent } from '../consume/lambda/kafka-event';
import type { DeadLetterNote, ConsumerTelemetry, DeadLetters } from '../consume/ports';
import { bufferedValuesOf, headerText, type ConsumedRecord } from '../consume/record';
import { formatReceipt } from '../event/receipt';
import { partitionName } from '../event/topic-partition';
import type { Fetched, Group } from './group';
import type { Random } from './random';

/** The result of a delivery. */
export interface DeliverResult {
  /** How often a message was handed to the consumer, including repetitions. */
  readonly deliveries: number;
  /** Events whose effects were committed. */
  readonly applied: number;
  /** Messages that were ignored, because their effects had been committed before. */
  readonly duplicates: number;
  /** Messages that would have gone to the dead-letter topic. */
  readonly deadLetters: readonly DeadLetteredMessage[];
  /** Events that wait in the consumer's table, because a handler failed on them or on an earlier one of their key. */
  readonly parked: readonly ParkedEvent[];
}

/** A message that would have gone to the dead-letter topic. */
export interface DeadLetteredMessage extends DeadLetterNote {
  readonly record: ConsumedRecord;
}

/** An event that is parked and still waits after a delivery. */
export interface ParkedEvent {
  readonly topic: string;
  readonly key: string;
  readonly id: string;
  readonly why: string;
}

const MAX_ROUNDS_WITHOUT_PROGRESS = 3;
const INVOCATION_MS = 600_000;
const GO_BACK_PROBABILITY = 0.25;
const TWO_OWNERS_PROBABILITY = 0.2;

/** Delivers until no message is left, through the consumer's own handler for Lambda's Kafka events. */
export class DeliveryRun {
  readonly #consumer: Consumer;
  readonly #group: Group;
  readonly #random: Random | undefined;
  readonly #note: string;
  readonly #deadLetters: DeadLetteredMessage[] = [];
  readonly #parked: ParkedEvent[] = [];
  readonly #counts = { deliveries: 0, applied: 0, duplicates: 0 };
  #lastFailure: unknown;

  /** @param note - appended to the message of a thrown error */
  constructor(consumer: Consumer, group: Group, random: Random | undefined, note: string) {
    this.#consumer = consumer;
    this.#group = group;
    this.#random = random;
    this.#note = note;
  }

  /** @throws AssertionError if the consumer makes no progress. */
  async run(): Promise<DeliverResult> {
    const random = this.#random;
    let idleRounds = 0;
    let goBacksLeft = 3;
    let hasGoneBack = false;
    let last: readonly Fetched[] = [];
    for (;;) {
      const fetched = this.#group.fetch(random);
      if (fetched.length === 0) {
        // Goes back at least once: every seed then reveals a handler that relies on a single delivery.
        if (random === undefined || hasGoneBack || last.length === 0) break;
        hasGoneBack = true;
        this.#group.goBack(last, random);
        continue;
      }
      last = fetched;
      const hasProgressed = await this.#round(fetched);
      idleRounds = hasProgressed ? 0 : idleRounds + 1;
      if (idleRounds === MAX_ROUNDS_WITHOUT_PROGRESS) this.#failStuck(fetched);
      if (random !== undefined && goBacksLeft > 0 && random.chance(GO_BACK_PROBABILITY)) {
        goBacksLeft--;
        this.#group.goBack(fetched, random);
      }
    }
    return { ...this.#counts, deadLetters: this.#deadLetters, parked: this.#parked };
  }

  /** Returns whether any partition made progress. */
  async #round(fetched: readonly Fetched[]): Promise<boolean> {
    const event = eventOf(fetched);
    // After a rebalance, the previous owner may still process messages that the new owner has received.
    const owners = this.#random?.chance(TWO_OWNERS_PROBABILITY) === true ? 2 : 1;
    const answers = await Promise.all(Array.from({ length: owners }, () => this.#invoke(event, fetched)));
    let hasProgressed = false;
    for (const { view, records } of fetched) {
      const name = nameOf(records);
      const end = Number(records.at(-1)?.offset ?? -1) + 1;
      const reached = answers.map(({ batchItemFailures }) => {
        const failure = batchItemFailures.find(({ itemIdentifier: { partition } }) => partition === name);
        return failure?.itemIdentifier.offset ?? end;
      });
      const next = Math.max(...reached);
      hasProgressed ||= next > view.next;
      view.next = next;
    }
    return hasProgressed;
  }

  #invoke(event: KafkaEvent, fetched: readonly Fetched[]): Promise<KafkaBatchResponse> {
    this.#counts.deliveries += fetched.reduce((sum, { records }) => sum + records.length, 0);
    const { settings } = this.#consumer;
    const telemetry = observed(settings.telemetry, this.#observer());
    const consumer: Consumer = {
      ...this.#consumer,
      processor: (deadLetters, whenBlocked) => this.#consumer.processor(deadLetters, whenBlocked, telemetry),
    };
    const handle = handleKafkaEvent({ consumer, deadLetters: this.#keepDeadLetters(), partialBatchResponse: true });
    return handle(event, { getRemainingTimeInMillis: () => INVOCATION_MS });
  }

  #observer(): Partial<ConsumerTelemetry> {
    return {
      applied: () => this.#counts.applied++,
      duplicateIgnored: () => this.#counts.duplicates++,
      attemptFailed: (_event, _attempt, cause) => (this.#lastFailure = cause),
      outage: (cause) => (this.#lastFailure = cause instanceof Error ? (cause.cause ?? cause) : cause),
      parked: ({ topic, key, id }, why) => this.#parked.push({ topic, key, id, why }),
    };
  }

  #keepDeadLetters(): DeadLetters {
    return {
      send: (record, note) => {
        this.#deadLetters.push({ record, ...note });
        this.#group.deadLettered.set(headerText(record, 'ce_id') ?? '', `${note.reason}: ${note.message}`);
        return Promise.resolve();
      },
    };
  }

  #failStuck(fetched: readonly Fetched[]): never {
    const cause = this.#lastFailure;
    const places = fetched.flatMap(({ view }) => {
      const record = view.records[view.next];
      return record === undefined
        ? []
        : [`${headerText(record, 'ce_type') ?? 'a message'} at ${formatReceipt(record)}`];
    });
    const why = cause instanceof Error ? ` ${cause.message}` : '';
    const error = new AssertionError({
      message: `Consumer "${this.#consumer.name}" does not get past ${places.join(', ')}.${why}${this.#note}`,
      operator: 'deliver',
    });
    throw Object.assign(error, { cause });
  }
}

type Call = (...values: unknown[]) => void;

/** Calls every method of the consumer's own telemetry, and those that `observer` has. */
function observed(own: ConsumerTelemetry, observer: Partial<ConsumerTelemetry>): ConsumerTelemetry {
  const get = (_: unknown, name: string): Call => {
    const [observe, report] = [observer, own].map((each) => Reflect.get(each, name) as Call | undefined);
    return (...values) => {
      observe?.(...values);
      // Methods that were added to the interface later are optional.
      report?.apply(own, values);
    };
  };
  return new Proxy<ConsumerTelemetry>(own, { get });
}

const nameOf = ([first]: readonly ConsumedRecord[]): string => (first === undefined ? '' : partitionName(first));

const eventOf = (fetched: readonly Fetched[]): KafkaEvent => ({
  records: Object.fromEntries(
    fetched.map(({ records }) => [
      nameOf(records),
      records.map(({ topic, partition, offset, timestamp, key, value, headers }) => ({
        topic,
        partition,
        offset: Number(offset),
        timestamp,
        key: key?.toString('base64') ?? null,
        value: value?.toString('base64') ?? null,
        headers: Object.entries(headers).flatMap(([name, given]) =>
          bufferedValuesOf(given).map((bytes) => ({ [name]: [...bytes] })),
        ),
      })),
    ]),
  ),
});
