import { OutboxError } from '../event/errors';
import { isoTime } from '../event/item';
import { isReservedHeader, keeps, RULES } from '../event/item-rules';
import { isPlainObject, shown } from '../event/options';
import { epochMsOfUuidV7 } from '../event/uuid';
import { commitTimeProblem } from './commit-time';

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

/** @param now - the writer's clock: consumers take the time in a UUIDv7 as the time of the write */
export function eventIdOf(index: number, id: unknown, now: number): string {
  if (!keeps(RULES.eventId, id)) return refuseField(index, 'id', id, RULES.eventId.allowed);
  const ms = epochMsOfUuidV7(id);
  const problem = ms === undefined ? undefined : commitTimeProblem(ms, now);
  return problem === undefined ? id : refuseField(index, 'id', id, `a UUIDv7 whose time is ${problem}`);
}

export function eventTimeOf(index: number, time: unknown): string {
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? isoTime(time.getTime()) : time;
  return keeps(RULES.time, text) ? text : refuseField(index, 'time', time, `a valid Date or ${RULES.time.allowed}`);
}

export function headersOf(index: number, headers: unknown): Readonly<Record<string, string>> {
  // Neither entries of a Map nor properties named by symbols would be sent.
  if (!isPlainObject(headers) || Object.getOwnPropertySymbols(headers).length > 0) {
    const allowed = 'a plain object of texts by name; convert a Map or Headers by Object.fromEntries()';
    return refuseField(index, 'headers', headers, allowed);
  }
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
