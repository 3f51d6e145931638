import type { Vector } from '../bin/cli/conformance/vectors';

/** A vector before the write helper has made its item, or refused it. */
export type ChangeToAnswer = Omit<Vector, 'item' | 'refused'>;

const COMMITTED_AT = 1_767_323_045_678;
const REQUEST_ID = '019b7ca9-8f2e-7abc-9def-0123456789ab';
/** Every normalization of Unicode changes it, and to another text than the others do. */
const NOT_COMPOSED = 'o\u0308 \u212b \ufb01';
const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

const placed = { id: 'a', type: 'order.placed', topic: 'orders', data: '{"total":5}' };
const generatedPlaced = { type: 'order.placed', topic: 'orders', data: '{"total":5}' };
const text = { ...placed, contentType: 'text/plain', data: 'five' };

const base = {
  aggregate: 'order',
  key: '42',
  version: 7,
  source: '/shop/order',
  region: 'eu-central-1',
  committedAt: COMMITTED_AT,
};
const { version: _, ...unversioned } = base;

const change = (changed: object = {}, from: object = base): Record<string, unknown> => ({
  ...from,
  events: [placed],
  ...changed,
});
const event = (changed: object = {}): Record<string, unknown> => change({ events: [{ ...placed, ...changed }] });

/** Every one has an item. */
export const VALID: readonly ChangeToAnswer[] = [
  { name: 'with-version', change: change() },
  { name: 'version-0', change: change({ version: 0 }) },
  { name: 'largest-version', change: change({ version: Number.MAX_SAFE_INTEGER }) },
  { name: 'without-version', generated: ['position'], change: change({}, unversioned) },
  { name: 'generated-ids', generated: ['ids'], change: change({ events: [generatedPlaced, generatedPlaced] }) },
  {
    name: 'generated-ids-without-version',
    generated: ['ids', 'position'],
    change: change({ events: [generatedPlaced, generatedPlaced] }, unversioned),
  },
  {
    name: 'several-events',
    change: change({
      events: [
        placed,
        { id: 'b', type: 'order.paid', data: '[1,2.5,null,true]' },
        { id: 'c', type: 'order.audited', topic: 'audit', data: '"text"' },
        { id: 'd', type: 'order.paid', topic: 'orders', data: '{}' },
      ],
    }),
  },
  {
    name: 'json-data-with-unicode',
    change: event({ data: `{"name":"Größe 日本 😀 \u2028 ${NOT_COMPOSED}","n":1e-7}` }),
  },
  { name: 'text-data', change: change({ events: [text] }) },
  { name: 'empty-text-data', change: change({ events: [{ ...text, data: '' }] }) },
  {
    name: 'binary-data',
    change: event({ contentType: 'application/octet-stream', data: { base64: 'AAH/gHt9' } }),
  },
  { name: 'empty-binary-data', change: event({ contentType: 'application/octet-stream', data: { base64: '' } }) },
  { name: 'no-data', change: change({ events: [{ id: 'a', type: 'order.deleted', topic: 'orders' }] }) },
  { name: 'content-type-that-is-the-default', change: event({ contentType: 'application/json' }) },
  { name: 'content-type-with-parameters', change: event({ contentType: 'application/vnd.shop+json; charset=UTF-8' }) },
  { name: 'data-schema', change: event({ dataSchema: 'https://example.com/order.json#/v1' }) },
  {
    name: 'headers',
    change: event({
      headers: { tenant: 'a', 'x-empty': '', 'X Größe': 'Wert 😀\n', [`x-${NOT_COMPOSED}`]: NOT_COMPOSED },
    }),
  },
  { name: 'no-headers', change: event({ headers: {} }) },
  { name: 'topic-with-every-kind-of-character', change: event({ topic: 'Orders_v2.eu-1' }) },
  { name: 'time-of-its-own', change: event({ time: '2025-12-31T23:59:59.123456789+05:30' }) },
  { name: 'time-that-is-the-default', change: event({ time: '2026-01-02T03:04:05.678Z' }) },
  { name: 'time-of-a-whole-second', change: change({ committedAt: 1_767_323_045_000 }) },
  { name: 'type-with-version', change: event({ type: 'order.placed.v2' }) },
  {
    name: 'type-and-id-with-unicode',
    change: event({ type: `größe.${NOT_COMPOSED}`, id: `ä 日本 😀 ${NOT_COMPOSED}` }),
  },
  { name: 'source-with-host', change: change({ source: 'https://shop.example:8080/a%20b?c=d#e' }) },
  { name: 'source-that-is-relative', change: change({ source: 'shop/order' }) },
  { name: 'region-of-a-partition', change: change({ region: 'us-gov-east-1' }) },
  { name: 'aggregate-with-every-kind-of-character', change: change({ aggregate: 'Order.v2_eu-1' }) },
  { name: 'key-with-unicode', change: change({ key: `Größe/日本/😀/${NOT_COMPOSED}` }) },
  { name: 'key-with-separator-and-control-characters', change: change({ key: '4#2\n\u0000"\\' }) },
  { name: 'longest-key', change: change({ key: { repeat: 'é', times: 1021 } }) },
  { name: 'trace-context', change: change({ traceparent: TRACEPARENT, tracestate: 'a=1,b@c=2' }) },
  { name: 'traceparent-alone', change: change({ traceparent: TRACEPARENT }) },
  { name: 'cause-and-flow', change: change({ causationId: 'event ä', correlationId: `flow ${NOT_COMPOSED}` }) },
  { name: 'large-item', change: change({ events: [{ ...text, data: { repeat: 'x', times: 400_000 } }] }) },
  {
    name: 'request-id',
    optional: 'requestId',
    change: change({ requestId: REQUEST_ID, events: [generatedPlaced, generatedPlaced] }),
  },
  {
    name: 'request-id-without-version',
    optional: 'requestId',
    change: change({ requestId: REQUEST_ID, events: [generatedPlaced, generatedPlaced] }, unversioned),
  },
  {
    name: 'request-id-and-an-id-of-its-own',
    optional: 'requestId',
    change: change({ requestId: REQUEST_ID, events: [placed, generatedPlaced] }, unversioned),
  },
  {
    name: 'request-id-that-JSON-escapes',
    optional: 'requestId',
    change: change({
      requestId: 'order/42 "a"\\b\n\t\u0001\u007f é 日本 😀 \u2028',
      key: '4"2\\\b\f\r',
      events: [generatedPlaced],
    }),
  },
  {
    name: 'compressed-json',
    optional: 'compress',
    change: change({
      compress: true,
      events: [{ ...text, data: { repeat: '{"total":5}\n', times: 200 } }],
    }),
  },
  {
    name: 'compressed-binary',
    optional: 'compress',
    change: change({
      compress: true,
      events: [
        { ...placed, contentType: 'application/octet-stream', data: { base64: { repeat: 'AAH/', times: 500 } } },
      ],
    }),
  },
];

/** Every one breaks the rule after it. A writer must refuse it, as an item of it would be wrong. */
export const INVALID: readonly (ChangeToAnswer & { readonly rule: string })[] = [
  { name: 'no-events', rule: 'at least one event', change: change({ events: [] }) },
  { name: 'key-empty', rule: 'a key is not empty', change: change({ key: '' }) },
  { name: 'key-a-number', rule: 'a key is a text', change: change({ key: 42 }) },
  {
    name: 'key-too-long',
    rule: '"<aggregate>#<key>" has at most 2048 bytes, not characters',
    change: change({ key: { repeat: 'é', times: 1022 } }),
  },
  {
    name: 'key-with-half-a-character',
    rule: 'texts are well-formed Unicode',
    change: change({ key: 'a\ud83d' }),
  },
  { name: 'aggregate-empty', rule: 'an aggregate is not empty', change: change({ aggregate: '' }) },
  { name: 'aggregate-with-separator', rule: 'an aggregate has no "#"', change: change({ aggregate: 'or#der' }) },
  { name: 'aggregate-reserved', rule: 'an aggregate begins with a letter', change: change({ aggregate: '$outbox' }) },
  { name: 'version-negative', rule: 'a version is 0 or more', change: change({ version: -1 }) },
  { name: 'version-too-large', rule: 'a version is at most 2^53-1', change: change({ version: 2 ** 53 }) },
  { name: 'version-fraction', rule: 'a version is an integer', change: change({ version: 1.5 }) },
  { name: 'version-a-text', rule: 'a version is a number', change: change({ version: '7' }) },
  {
    name: 'committed-at-in-seconds',
    rule: 'committedAt is in milliseconds',
    change: change({ committedAt: 1_767_323_045 }),
  },
  { name: 'committed-at-negative', rule: 'committedAt is 0 or more', change: change({ committedAt: -1 }) },
  { name: 'committed-at-fraction', rule: 'committedAt is an integer', change: change({ committedAt: 1.5e12 + 0.5 }) },
  { name: 'source-empty', rule: 'a source is not empty', change: change({ source: '' }) },
  { name: 'source-with-space', rule: 'a source is percent-encoded', change: change({ source: '/my shop' }) },
  { name: 'region-upper-case', rule: 'a region is in lower case', change: change({ region: 'EU-CENTRAL-1' }) },
  {
    name: 'same-id-twice',
    rule: 'each event has an id of its own',
    change: change({ events: [placed, { ...placed, type: 'order.paid' }] }),
  },
  { name: 'id-blank', rule: 'an id is not blank', change: event({ id: ' \u00a0' }) },
  { name: 'id-with-line-break', rule: 'an id has no control characters', change: event({ id: 'a\n' }) },
  { name: 'type-empty', rule: 'a type is not blank', change: event({ type: '' }) },
  {
    name: 'type-with-control-character',
    rule: 'a type has no control characters',
    change: event({ type: 'a\u0000b' }),
  },
  {
    name: 'no-topic',
    rule: 'the first event has a topic',
    change: change({ events: [{ id: 'a', type: 'order.placed', data: '{}' }] }),
  },
  { name: 'topic-with-space', rule: 'a topic is a name of Kafka', change: event({ topic: 'my orders' }) },
  { name: 'topic-of-dots', rule: 'a topic is not ".."', change: event({ topic: '..' }) },
  { name: 'topic-too-long', rule: 'a topic has at most 249 characters', change: event({ topic: 'x'.repeat(250) }) },
  { name: 'time-without-zone', rule: 'a time has a zone', change: event({ time: '2026-01-02T03:04:05' }) },
  { name: 'time-of-no-day', rule: 'a time is of a real day', change: event({ time: '2026-02-29T00:00:00Z' }) },
  { name: 'content-type-of-one-part', rule: 'a media type has two parts', change: event({ contentType: 'json' }) },
  {
    name: 'content-type-of-a-structured-event',
    rule: 'a content type is not "application/cloudevents…"',
    change: event({ contentType: 'Application/CloudEvents+json' }),
  },
  { name: 'data-schema-relative', rule: 'a data schema has a scheme', change: event({ dataSchema: '/order.json' }) },
  {
    name: 'data-a-number',
    rule: 'data is a text, or binary',
    change: event({ contentType: 'text/plain', data: 5 }),
  },
  { name: 'header-of-the-relay', rule: 'headers "ce_…" are the relay\'s', change: event({ headers: { CE_id: 'a' } }) },
  {
    name: 'header-content-type',
    rule: 'the header "content-type" is the relay\'s, in any case of letters',
    change: event({ headers: { 'Content-Type': 'a/b' } }),
  },
  {
    name: 'header-traceparent',
    rule: 'trace context is an attribute of the item',
    change: event({ headers: { traceparent: TRACEPARENT } }),
  },
  {
    name: 'header-proto',
    rule: 'no header is called "__proto__", which JavaScript loses',
    change: event({ headers: Object.fromEntries([['__proto__', 'a']]) }),
  },
  { name: 'header-without-name', rule: 'a header has a name', change: event({ headers: { '': 'a' } }) },
  { name: 'header-a-number', rule: 'the value of a header is a text', change: event({ headers: { n: 5 } }) },
  { name: 'header-null', rule: 'the value of a header is a text', change: event({ headers: { n: null } }) },
  {
    name: 'traceparent-upper-case',
    rule: 'a traceparent is in lower case',
    change: change({ traceparent: TRACEPARENT.toUpperCase() }),
  },
  {
    name: 'traceparent-of-zeros',
    rule: 'no id of a traceparent is zeros alone',
    change: change({ traceparent: `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01` }),
  },
  {
    name: 'tracestate-of-33-members',
    rule: 'a tracestate has at most 32 members',
    change: change({
      traceparent: TRACEPARENT,
      tracestate: Array.from({ length: 33 }, (_member, at) => `k${at}=1`).join(),
    }),
  },
  { name: 'causation-id-blank', rule: 'a causation id is not blank', change: change({ causationId: ' ' }) },
  {
    name: 'correlation-id-with-line-break',
    rule: 'a correlation id has no control characters',
    change: change({ correlationId: 'a\n' }),
  },
  {
    name: 'item-too-large',
    rule: 'an item has at most 400 KB, with room for the relay',
    change: change({ events: [{ ...text, data: { repeat: 'x', times: 409_000 } }] }),
  },
  {
    name: 'item-too-large-in-bytes',
    rule: 'the size of an item is counted in bytes of UTF-8',
    change: change({ events: [{ ...text, data: { repeat: '€', times: 140_000 } }] }),
  },
];
