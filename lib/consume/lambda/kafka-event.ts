import { isIntegerIn } from '../../event/option-rules';
import { isRecord, refuseOption } from '../../event/options';
import { headersByName, type ConsumedRecord } from '../record';

/** The event that Lambda sends for Amazon MSK and self-managed Kafka; `@types/aws-lambda` calls it `MSKEvent`. */
export interface KafkaEvent {
  readonly records: Readonly<Record<string, readonly KafkaEventRecord[]>>;
}

/** One message as Lambda hands it over. */
export interface KafkaEventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** Base64; left out or null for a message without a key. */
  readonly key?: string | null;
  /** Base64; left out or null for a tombstone. */
  readonly value?: string | null;
  /** One header each: its name and the bytes of its value. */
  readonly headers?: readonly Readonly<Record<string, readonly number[] | null>>[] | null;
}

const ANOTHER_EVENT = 'the event of an event source mapping for Amazon MSK or self-managed Kafka';

/**
 * The messages of an event, by partition.
 *
 * @throws OutboxError `invalid-option` for any other event, such as that of another trigger.
 */
export function recordsOf(event: KafkaEvent): readonly (readonly ConsumedRecord[])[] {
  const given: unknown = event;
  if (!isRecord(given) || !isRecord(given['records'])) return refuseOption('event', given, ANOTHER_EVENT);
  return Object.entries(given['records']).map(([name, records]) => {
    const at = `event.records[${JSON.stringify(name)}]`;
    if (!Array.isArray(records)) return refuseOption(at, records, 'an array of messages');
    return records.map((record: unknown, index) => recordOf(checked(record, `${at}[${index}]`)));
  });
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isBase64 = (value: unknown): boolean => value === undefined || value === null || typeof value === 'string';

const FIELDS: Readonly<
  Record<keyof KafkaEventRecord, readonly [allows: (value: unknown) => boolean, allowed: string]>
> = {
  topic: [isText, 'the name of a topic'],
  partition: [(value) => isIntegerIn(value, {}), 'an integer of at least 0'],
  offset: [(value) => isIntegerIn(value, {}), 'an integer of at least 0'],
  timestamp: [Number.isFinite, 'a time in epoch milliseconds'],
  key: [isBase64, 'a text in Base64, null or left out'],
  value: [isBase64, 'a text in Base64, null or left out'],
  headers: [areHeaders, 'a list of objects with the bytes of a header, null or left out'],
};

function checked(record: unknown, at: string): KafkaEventRecord {
  if (!isRecord(record)) return refuseOption(at, record, 'a message');
  for (const [name, [allows, allowed]] of Object.entries(FIELDS)) {
    if (!allows(record[name])) refuseOption(`${at}.${name}`, record[name], allowed);
  }
  // Each field has just been checked.
  return record as unknown as KafkaEventRecord;
}

function areHeaders(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.every((header) => isRecord(header) && Object.values(header).every(isHeader));
}

const isHeader = (bytes: unknown): boolean =>
  bytes === null || (Array.isArray(bytes) && bytes.every((byte) => Number.isInteger(byte)));

function recordOf({ topic, partition, offset, timestamp, key, value, headers }: KafkaEventRecord): ConsumedRecord {
  return {
    topic,
    partition,
    offset: BigInt(offset),
    timestamp,
    key: decoded(key),
    value: decoded(value),
    headers: headersByName(
      (headers ?? []).flatMap((header) =>
        Object.entries(header).map(([name, bytes]) => [name, Buffer.from(bytes ?? [])] as const),
      ),
    ),
  };
}

const decoded = (base64: string | null | undefined): Buffer | null =>
  base64 === null || base64 === undefined ? null : Buffer.from(base64, 'base64');
