import { REPLAY_HEADER } from '../../event/message';
import { AGGREGATE_SYNTAX } from '../../event/key';
import type { SchemaObject } from '../json-schema';

const text = (description: string, more: SchemaObject = {}): SchemaObject => ({
  type: 'string',
  ...more,
  description,
});
const NOT_EMPTY = { minLength: 1 };

const ALWAYS = {
  ce_specversion: text('The version of CloudEvents.', { const: '1.0' }),
  ce_id: text('The id of the event, the same in each copy of it: consumers recognise duplicates by it.', NOT_EMPTY),
  ce_source: text('The writer of the event.', { format: 'uri-reference', ...NOT_EMPTY }),
  ce_type: text('The type of the event, with the version of its data from version 2 on.', NOT_EMPTY),
  ce_time: text('The time of the event.', { format: 'date-time' }),
  ce_subject: text('The key.', NOT_EMPTY),
  ce_partitionkey: text('The key.', NOT_EMPTY),
  ce_aggregate: text('The aggregate: with the key, the unit of order.', { pattern: `^${AGGREGATE_SYNTAX}$` }),
  ce_txevents: text('The number of events that the key had in the transaction.', { pattern: '^[1-9][0-9]{0,4}$' }),
  'content-type': text('The content type of the value.', NOT_EMPTY),
};

const SOMETIMES = {
  ce_sequence: text('The version of the aggregate and the index of the event, in order. Only of keys with versions.', {
    pattern: String.raw`^[0-9]{16}\.[0-9]{4}$`,
  }),
  ce_dataschema: text('The schema of the data.', { format: 'uri' }),
  ce_causationid: text('The id of the event that caused this one.', NOT_EMPTY),
  ce_correlationid: text('The same for all events of one business flow.', NOT_EMPTY),
  traceparent: text('The trace of the writer (W3C Trace Context): link to it.', NOT_EMPTY),
  tracestate: text('The trace of the writer (W3C Trace Context).', NOT_EMPTY),
  [REPLAY_HEADER]: text('Names the replay, in a message that was replayed.', NOT_EMPTY),
};

/** The headers of every message: CloudEvents 1.0 in binary mode. An event may have headers of its own next to them. */
export const MESSAGE_HEADERS: SchemaObject = {
  type: 'object',
  properties: { ...ALWAYS, ...SOMETIMES },
  required: Object.keys(ALWAYS),
};
