import { OutboxError } from '../../../lib/event/errors';
import { handleKafkaEvent } from '../../../lib/consume/lambda/handle-event';
import type { KafkaEvent } from '../../../lib/consume/lambda/kafka-event';
import { aRecord, aRig, kafkaEventOf, type Rig } from '../../builders/consume';
import { isMap } from '../attributes';
import { mutate } from '../mutate';
import type { Target } from '../target';

interface Invocation {
  readonly event: unknown;
  readonly partialBatchResponse: boolean;
}

/**
 * Events of a function that are not, or not wholly, those of a Kafka event source mapping. They are refused before any
 * message is processed, or each message is applied, a dead letter, parked, ignored or reported as unfinished.
 */
export const lambda: Target = {
  name: 'lambda',
  input: (random): Invocation => {
    const records = Array.from({ length: random.integer(4) }, (_, at) =>
      aRecord({ key: String(at), version: 1, offset: at, partition: random.integer(2) }),
    );
    const event = kafkaEventOf(records);
    const envelope = {
      eventSource: 'aws:kafka',
      eventSourceArn: 'arn:aws:kafka:x',
      bootstrapServers: 'b:9098',
      ...event,
    };
    return { event: mutate(random, envelope), partialBatchResponse: random.chance(0.5) };
  },
  async run(input) {
    const { event, partialBatchResponse } = input as Invocation;
    const rig = aRig({ attempts: 1 });
    const { consumer, deadLetters, client, handled, told } = rig;
    const handle = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse });
    let unfinished: number;
    try {
      const response = await handle(event as KafkaEvent, { getRemainingTimeInMillis: () => 20_000 });
      unfinished = response.batchItemFailures.length;
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      if (error.is('invalid-option') && handled.length === 0 && deadLetters.sent.length === 0) return 'invalid-option';
      if (error.is('batch-unfinished') && !partialBatchResponse) return 'batch-unfinished';
      throw error;
    }
    const applied = told.calls.filter(({ name }) => name === 'applied').length;
    if (client.effects().length !== applied) throw new Error(`${applied} messages were reported as applied.`);
    const messages = messagesIn(event);
    const ended = endsOf(rig);
    if (unfinished === 0 && ended.size < messages.size) {
      throw new Error(`${messages.size - ended.size} messages were skipped silently.`);
    }
    return messages.size === 0 ? 'no message' : unfinished > 0 ? 'reported as unfinished' : 'each message ended';
  },
};

/** The places of the event's messages. A place that occurs several times is one message. */
function messagesIn(event: unknown): ReadonlySet<string> {
  const records = isMap(event) && isMap(event['records']) ? Object.values(event['records']) : [];
  const places = records.flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  return new Set(places.map((each) => (isMap(each) ? placeOf(each) : '')));
}

const placeOf = ({ topic, partition, offset }: Readonly<Record<string, unknown>>): string =>
  [topic, partition, offset].map(String).join('\n');

/** The places of messages that ended, as telemetry reports them. */
function endsOf({ told }: Rig): ReadonlySet<string> {
  const ends = new Set<string>();
  for (const { name, values } of told.calls) {
    const [subject] = values as [Record<string, unknown>];
    if (name === 'deadLettered') ends.add(placeOf(subject));
    else if (ENDS.includes(name)) {
      const [, topic, partition, offset] = /^(.*)-(\d+)@(\d+)$/s.exec(String(subject['receipt'])) ?? [];
      ends.add(placeOf({ topic, partition, offset }));
    }
  }
  return ends;
}

const ENDS = ['applied', 'duplicateIgnored', 'replayIgnored', 'unknownTypeSkipped', 'parked'];
