import type { OutboxEvent, OutboxItem } from './item';
import { formatSequence, versionOfPosition } from './position';

/** The Kafka record of one event. Its partition follows from the key. */
export interface Message {
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** The header of a replayed message, which a first delivery and a duplicate lack; its value names the replay. */
export const REPLAY_HEADER = 'outbox-replay';

/**
 * The messages of an item, in the order of its events: CloudEvents 1.0, Kafka protocol binding, binary mode.
 *
 * `ce_sequence` is `<16-digit version>.<4-digit index>`. Items without a version have none, because their positions are
 * clock readings and prove no order. `ce_txevents` is the number of events that the key had in that transaction.
 * `ce_causationid` and `ce_correlationid` follow the CloudEvents extension "Correlation". `ce_aggregate` is an
 * extension attribute: with the key it names the unit of order, whatever `ce_source` is.
 */
export function messagesOf(item: OutboxItem): Message[] {
  const key = Buffer.from(item.key);
  const version = versionOfPosition(item.sk);
  const txEvents = String(item.events.length);
  return item.events.map((event, index) => {
    const headers: Record<string, string> = {
      ...event.headers,
      ce_specversion: '1.0',
      ce_id: event.id,
      ce_source: item.source,
      ce_type: event.type,
      ce_time: cloudEventsTime(event.time),
      ce_aggregate: item.aggregate,
      ce_subject: item.key,
      ce_partitionkey: item.key,
      ce_txevents: txEvents,
      'content-type': event.contentType,
    };
    if (version !== undefined) headers['ce_sequence'] = formatSequence({ version, index });
    if (event.dataSchema !== undefined) headers['ce_dataschema'] = event.dataSchema;
    if (item.traceparent !== undefined) headers['traceparent'] = item.traceparent;
    if (item.tracestate !== undefined) headers['tracestate'] = item.tracestate;
    if (item.causationId !== undefined) headers['ce_causationid'] = item.causationId;
    if (item.correlationId !== undefined) headers['ce_correlationid'] = item.correlationId;
    return { topic: event.topic, key, value: valueOf(event), headers };
  });
}

/** An upper bound for the bytes of Kafka's record format around key, value and headers. */
const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 6;

/** Maximum bytes of a message in an uncompressed batch. */
export function messageBytes({ key, value, headers }: Message): number {
  let bytes = RECORD_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
  for (const name in headers) {
    bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '');
  }
  return bytes;
}

function valueOf({ data }: OutboxEvent): Buffer | null {
  if (data === undefined) return null;
  return typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

const READ_BY_ALL = /^.{10}T.{8}(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-7]):\d\d)$/;
const PARTS = /^(.{19})(?:\.(\d+))?(.+)$/;
/** Nanoseconds, the finest resolution of Java and Go. */
const FRACTION_DIGITS = 9;
/** Java's OffsetDateTime allows up to 18 hours; this is more than any offset in use. */
const MAX_OFFSET_HOURS = 17;

/**
 * Normalizes a valid time of the item so that the CloudEvents SDKs of all languages can read it. RFC 3339 also allows
 * lower case, which Go refuses, more fraction digits than nanoseconds have, and offsets of a day, which Java refuses.
 * The instant stays the same, to the nanosecond.
 */
export function cloudEventsTime(time: string): string {
  if (READ_BY_ALL.test(time)) return time;
  const [, seconds = '', fraction = '', offset = ''] = PARTS.exec(time.toUpperCase()) ?? [];
  const fine = fraction === '' ? '' : `.${fraction.slice(0, FRACTION_DIGITS)}`;
  const isNear = offset === 'Z' || Number(offset.slice(1, 3)) <= MAX_OFFSET_HOURS;
  if (isNear) return `${seconds}${fine}${offset}`;
  return `${new Date(`${seconds}${offset}`).toISOString().slice(0, seconds.length)}${fine}Z`;
}
