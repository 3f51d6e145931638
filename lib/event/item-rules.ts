import { AGGREGATE_SYNTAX } from './key';
import { POSITION_SYNTAX } from './position';

/**
 * A rule for a text of the outbox item. The write helper and `decodeItem` test the pattern; `item.schema.json` has it
 * word for word, and a test compares them.
 */
export interface TextRule {
  /** Matches the whole text. With the flag `u`, as JSON Schema validators compile patterns. */
  readonly pattern: RegExp;
  /** Completes "it must be …". */
  readonly allowed: string;
}

const rule = (syntax: string, allowed: string): TextRule => ({ pattern: new RegExp(`^${syntax}$`, 'u'), allowed });

/** Patterns of JSON Schema have no flag for it. */
const caseless = (text: string): string => text.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

/** Half of a surrogate pair is no character: UTF-8, and so DynamoDB and Kafka, cannot hold it. */
const SURROGATES = String.raw`\ud800-\udfff`;
/** CloudEvents allows no control characters in its String type, because headers of HTTP cannot hold them. */
const CONTROLS = String.raw`\u0000-\u001f\u007f-\u009f`;

const FULL_DATE = [
  String.raw`[0-9]{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])`,
  String.raw`[0-9]{4}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)`,
  String.raw`[0-9]{4}-02-(?:0[1-9]|1[0-9]|2[0-8])`,
  // Leap years: divisible by 4, and a century only if divisible by 400.
  String.raw`(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29`,
].join('|');
const HOUR_MINUTE = String.raw`(?:[01][0-9]|2[0-3]):[0-5][0-9]`;
/**
 * RFC 3339 also has the year 0000 and leap seconds, which the CloudEvents SDKs of JavaScript and Python refuse, and with
 * a negative offset the last day of 9999 reaches into the year 10000.
 */
const DATE_TIME = String.raw`(?!0000|9999-12-31[Tt].*-(?!00:00))(?:${FULL_DATE})[Tt]${HOUR_MINUTE}:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-]${HOUR_MINUTE})`;

/** RFC 9110, 5.6.2 and 8.3.1: the media types of RFC 2046, with optional space around parameters. */
const TOKEN = String.raw`[!#$%&'*+.^_\x60|~0-9A-Za-z\-]+`;
const QUOTED = String.raw`"(?:[\t\x20!#-\[\]-~]|\\[\t\x20-~])*"`;
const MEDIA_TYPE = String.raw`${TOKEN}\/${TOKEN}(?:[\t ]*;(?:[\t ]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*[\t ]*`;
/** A reader takes such a message for a CloudEvent in structured mode, and its data for the whole event. */
const NOT_STRUCTURED = String.raw`(?!${caseless('application')}\/${caseless('cloudevents')})`;

/** RFC 3986, appendix A. */
const HEX = '[0-9A-Fa-f]';
const unreserved = (more: string): string => String.raw`(?:[0-9A-Za-z._~!$&'()*+,;=\-${more}]|%${HEX}{2})`;
const PCHAR = unreserved(':@');
const H16 = `${HEX}{1,4}`;
const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const LS32 = String.raw`(?:${H16}:${H16}|(?:${OCTET}\.){3}${OCTET})`;
const IPV6 = [
  `(?:${H16}:){6}${LS32}`,
  `::(?:${H16}:){5}${LS32}`,
  `(?:${H16})?::(?:${H16}:){4}${LS32}`,
  `(?:(?:${H16}:){0,1}${H16})?::(?:${H16}:){3}${LS32}`,
  `(?:(?:${H16}:){0,2}${H16})?::(?:${H16}:){2}${LS32}`,
  `(?:(?:${H16}:){0,3}${H16})?::${H16}:${LS32}`,
  `(?:(?:${H16}:){0,4}${H16})?::${LS32}`,
  `(?:(?:${H16}:){0,5}${H16})?::${H16}`,
  `(?:(?:${H16}:){0,6}${H16})?::`,
].join('|');
const AUTHORITY = String.raw`(?:${unreserved(':')}*@)?(?:\[(?:${IPV6})\]|${unreserved('')}*)(?::[0-9]*)?`;
const PATH = String.raw`\/\/${AUTHORITY}(?:\/${PCHAR}*)*|\/(?:${PCHAR}+(?:\/${PCHAR}*)*)?|${PCHAR}+(?:\/${PCHAR}*)*`;
const QUERY_FRAGMENT = String.raw`(?:\?(?:${PCHAR}|[\/?])*)?(?:#(?:${PCHAR}|[\/?])*)?`;
const SCHEME = String.raw`[A-Za-z][0-9A-Za-z+.\-]*:`;

/** https://www.w3.org/TR/trace-context/#traceparent-header; versions after 00 may append fields. */
const TRACE_IDS = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
const TRACEPARENT = String.raw`(?:00-${TRACE_IDS}|(?!00|ff)[0-9a-f]{2}-${TRACE_IDS}(?:-[!-~]*)?)`;
/** https://www.w3.org/TR/trace-context/#tracestate-header: up to 32 members, of which some may be empty. */
const TRACE_MEMBER = String.raw`[a-z0-9][a-z0-9_*\/@\-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]`;
const TRACESTATE = String.raw`[\t ]*(?:${TRACE_MEMBER}[\t ]*)?(?:,[\t ]*(?:${TRACE_MEMBER}[\t ]*)?){0,31}`;

const RESERVED_PREFIXES = ['ce_', 'outbox-'].map(caseless).join('|');
const RESERVED_NAMES = ['content-type', 'traceparent', 'tracestate'].map(caseless).join('|');
const RESERVED = `(?:${RESERVED_PREFIXES}|(?:${RESERVED_NAMES})$)`;
/** Plain objects, by which the SDK writes and JavaScript reads headers, lose these. */
const LOST_NAMES = '(?:constructor|__proto__)$';

const TEXT = String.raw`[^${CONTROLS}${SURROGATES}]+`;
const TEXT_ALLOWED = 'a non-empty text without control characters';

/** Kafka's own rule for topic names. */
const TOPIC = String.raw`(?!\.{1,2}$)[0-9A-Za-z._\-]{1,249}`;

/** Every rule for a text of the item, by its place. What a pattern cannot say stands in {@link LIMITS}. */
export const RULES = {
  pk: rule(
    String.raw`${AGGREGATE_SYNTAX}#[^${SURROGATES}]+`,
    'well-formed and "<aggregate>#<key>", where the aggregate is a letter followed by letters, digits, ".", "_" or "-"',
  ),
  sk: rule(POSITION_SYNTAX, `a version of 16 digits, at most ${Number.MAX_SAFE_INTEGER}, or a UUIDv7 in lower case`),
  eventId: rule(TEXT, TEXT_ALLOWED),
  eventType: rule(TEXT, TEXT_ALLOWED),
  topic: rule(TOPIC, 'a Kafka topic name: 1 to 249 letters, digits, ".", "_" or "-"'),
  time: rule(DATE_TIME, 'an RFC 3339 time with its zone, such as "2026-01-31T12:00:00Z"; without leap seconds'),
  contentType: rule(
    NOT_STRUCTURED + MEDIA_TYPE,
    'a media type such as "application/json", and none of "application/cloudevents…"',
  ),
  dataSchema: rule(
    `${SCHEME}(?:${PATH})${QUERY_FRAGMENT}`,
    'a URI with its scheme, such as "https://example.com/order.json"',
  ),
  wellFormed: rule(`[^${SURROGATES}]*`, 'well-formed Unicode'),
  headerName: rule(
    `(?!${RESERVED}|${LOST_NAMES})${TEXT}`,
    'a non-empty text without control characters, not "constructor" or "__proto__", and not "ce_…", "outbox-…", "content-type", "traceparent" or "tracestate" in any case of letters, which the relay writes itself',
  ),
  source: rule(
    `(?=.)(?:${SCHEME})?(?:${PATH})?${QUERY_FRAGMENT}`,
    'a non-empty URI reference such as "/shop/order", with other characters than those of RFC 3986 percent-encoded',
  ),
  region: rule('[a-z0-9-]+', 'an AWS region such as "eu-central-1"'),
  traceparent: rule(
    TRACEPARENT,
    'a W3C traceparent in lower case: version, trace id, span id and flags, no id of zeros alone',
  ),
  tracestate: rule(`(?=.*=)${TRACESTATE}`, 'a W3C tracestate: up to 32 members "key=value"'),
} as const satisfies Record<string, TextRule>;

/** Numbers and sizes of the item. */
export const LIMITS = {
  /** The four digits of `ce_sequence` tell an event's place in its item. */
  events: 10_000,
  /** Where the four-digit years of RFC 3339 end: `committedAt` is the default of `time`. */
  committedAt: Date.UTC(9999, 11, 31, 23, 59, 59, 999),
} as const;

export const keeps = ({ pattern }: TextRule, value: unknown): value is string =>
  typeof value === 'string' && pattern.test(value);

const RESERVED_HEADER = new RegExp(`^${RESERVED}`, 'u');
/** Names that the relay writes itself. */
export const isReservedHeader = (name: string): boolean => RESERVED_HEADER.test(name);

/** A pattern as JSON Schema takes it. In some languages `$` also matches before a last line feed. */
export const schemaPattern = ({ pattern }: TextRule): string =>
  pattern.source.replaceAll(/\$(?=\)|$)/g, String.raw`(?![\s\S])`);
