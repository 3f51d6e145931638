import { OutboxError } from '../event/errors';
import { isoTime, isReservedHeader, TOPIC_PATTERN } from '../event/item';
import { isRecord, shown } from '../event/options';

/** Refuses a field of the event at `index` of its change. */
export function refuseField(index: number, field: string, got: unknown, allowed: string): never {
  throw new OutboxError('invalid-event', `Event ${index} has "${field}" ${shown(got)}; it must be ${allowed}.`, {
    index,
    field,
    got,
    allowed,
  });
}

export const topicOf = (index: number, topic: unknown): string =>
  typeof topic === 'string' && TOPIC_PATTERN.test(topic)
    ? topic
    : refuseField(index, 'topic', topic, 'a Kafka topic name: 1 to 249 letters, digits, ".", "_" or "-"');

const PRINTABLE = /^[\x20-\x7e]+$/;

export const eventIdOf = (index: number, id: unknown): string =>
  typeof id === 'string' && PRINTABLE.test(id) ? id : refuseField(index, 'id', id, 'a text of printable ASCII');

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

export function eventTimeOf(index: number, time: unknown): string {
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? isoTime(time.getTime()) : time;
  return typeof text === 'string' && RFC_3339.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : refuseField(index, 'time', time, 'a valid Date or an RFC 3339 text such as "2026-01-31T12:00:00Z"');
}

const HEADER_NAME = /^[\x21-\x7e]+$/;

/** The SDK takes an object with the one for a class instance and refuses it, and loses the other. */
const UNWRITABLE_NAMES: readonly string[] = ['constructor', '__proto__'];

export function headersOf(index: number, headers: unknown): Readonly<Record<string, string>> {
  if (!isRecord(headers)) return refuseField(index, 'headers', headers, 'an object of texts');
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name) || UNWRITABLE_NAMES.includes(name)) {
      refuseField(
        index,
        `headers[${JSON.stringify(name)}]`,
        value,
        'named by printable ASCII without spaces, and not "constructor" or "__proto__"',
      );
    }
    if (isReservedHeader(name)) {
      refuseField(index, `headers.${name}`, value, 'left out, because the relay writes it itself');
    }
    if (typeof value !== 'string' || !value.isWellFormed()) {
      refuseField(index, `headers.${name}`, value, 'a well-formed text');
    }
  }
  return { ...headers } as Record<string, string>;
}
