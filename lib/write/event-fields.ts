import { OutboxError } from '../event/errors';
import { isoTime } from '../event/item';
import { isReservedHeader, keeps, RULES } from '../event/item-rules';
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
  keeps(RULES.topic, topic) ? topic : refuseField(index, 'topic', topic, RULES.topic.allowed);

export const eventIdOf = (index: number, id: unknown): string =>
  keeps(RULES.eventId, id) ? id : refuseField(index, 'id', id, RULES.eventId.allowed);

export function eventTimeOf(index: number, time: unknown): string {
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? isoTime(time.getTime()) : time;
  return keeps(RULES.time, text) ? text : refuseField(index, 'time', time, `a valid Date or ${RULES.time.allowed}`);
}

export function headersOf(index: number, headers: unknown): Readonly<Record<string, string>> {
  if (!isRecord(headers)) return refuseField(index, 'headers', headers, 'an object of texts');
  for (const [name, value] of Object.entries(headers)) {
    if (isReservedHeader(name)) {
      refuseField(index, `headers.${name}`, value, 'left out, because the relay writes it itself');
    }
    if (!keeps(RULES.headerName, name)) {
      refuseField(index, `headers[${JSON.stringify(name)}]`, value, `named by ${RULES.headerName.allowed}`);
    }
    if (typeof value !== 'string' || !value.isWellFormed()) {
      refuseField(index, `headers.${name}`, value, 'a well-formed text');
    }
  }
  return { ...headers } as Record<string, string>;
}
