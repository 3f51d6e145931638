import { AGGREGATE_SYNTAX } from './key';
import { POSITION_SYNTAX } from './position';

/**
 * A rule for a text of the outbox item. The write helper and `decodeItem` test the patterns. `item.schema.json`
 * contains the same patterns, and a test compares them.
 *
 * The patterns use only syntax with the same meaning in ECMAScript, Java, Python and RE2 (Go): no look-around, no code
 * point escapes, and no repeated group around single characters, for which Java's engine needs a stack as deep as the
 * text is long.
 */
export interface TextRule {
  /** Must match the whole text. Has the flag `u`, as JSON Schema validators compile patterns. */
  readonly pattern: RegExp;
  /** Must match no part of the text. */
  readonly except: RegExp | undefined;
  /** Completes "it must be …". */
  readonly allowed: string;
  /** Both patterns in JSON Schema. */
  readonly schema: { readonly pattern: string; readonly not?: { readonly pattern: string } };
}

/** @param exceptions - alternatives; include a final line break, before which `$` matches in some engines */
function rule(syntax: string, allowed: string, ...exceptions: readonly string[]): TextRule {
  const pattern = `^${syntax}$`;
  const except = exceptions.length === 0 ? undefined : exceptions.join('|');
  return {
    pattern: new RegExp(pattern, 'u'),
    except: except === undefined ? undefined : new RegExp(except, 'u'),
    allowed,
    schema: except === undefined ? { pattern } : { pattern, not: { pattern: except } },
  };
}

/** Matches both cases: patterns of JSON Schema have no flag for it. */
const caseless = (text: string): string => text.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

const range = (from: number, to: number): string => `${String.fromCodePoint(from)}-${String.fromCodePoint(to)}`;

/** Half of a surrogate pair is no character: UTF-8, and thus DynamoDB and Kafka, cannot store it. */
const AFTER_CONTROLS = `${range(0xa0, 0xd7ff)}${range(0xe000, 0x10ffff)}`;
const ANY = `${range(0, 0x7e)}${range(0x7f, 0x9f)}${AFTER_CONTROLS}`;
/** CloudEvents allows no control characters in its String type, because HTTP headers cannot contain them. */
const CONTROL = `[${range(0, 0x1f)}${range(0x7f, 0x9f)}]`;
/** Go's SDK trims Unicode space, and refuses an id or type that consists of space only. */
const BLANK = `^[ ${String.fromCodePoint(0xa0, 0x1680)}${range(0x2000, 0x200a)}${String.fromCodePoint(0x2028, 0x2029, 0x202f, 0x205f, 0x3000)}]*$`;
const NOT_VISIBLE_ASCII = '[^!-~]';
const NOT_ASCII_TEXT = '[^\t -~]';

const FULL_DATE = [
  String.raw`[0-9]{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])`,
  String.raw`[0-9]{4}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)`,
  String.raw`[0-9]{4}-02-(?:0[1-9]|1[0-9]|2[0-8])`,
  // Leap years: divisible by 4, and a century only if divisible by 400.
  String.raw`(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29`,
].join('|');
const HOUR_MINUTE = '(?:[01][0-9]|2[0-3]):[0-5][0-9]';
const DATE_TIME = `(?:${FULL_DATE})[Tt]${HOUR_MINUTE}:[0-5][0-9](?:[.][0-9]+)?(?:[Zz]|[+-]${HOUR_MINUTE})`;
/**
 * RFC 3339 allows the year 0000 and leap seconds, which the CloudEvents SDKs of JavaScript and Python refuse. With an
 * offset, the first day of the year 1 and the last day of 9999 may fall into years outside the range.
 */
const NOT_ZERO = '(?:0[1-9]|[12][0-9]|00:0[1-9]|00:[1-5])';
const OUT_OF_YEARS = ['^0000', `^0001-01-01.*[+]${NOT_ZERO}`, `^9999-12-31.*-${NOT_ZERO}`];

/** RFC 9110, 5.6.2 and 8.3.1: media types of RFC 2046, with optional space around parameters. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"[\\t !#-\\[\\]-~]*(?:[\\\\][\\t -~][\\t !#-\\[\\]-~]*)*"';
const MEDIA_TYPE = `${TOKEN}/${TOKEN}(?:[\\t ]*;(?:[\\t ]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*[\\t ]*`;
/** A reader would treat the message as a CloudEvent in structured mode, and its data as the whole event. */
const STRUCTURED = `^${caseless('application')}/${caseless('cloudevents')}`;

/** RFC 3986, appendix A, restricted to URIs that the parsers of Java and Go accept. */
const HEX = '[0-9A-Fa-f]';
const UNRESERVED = "0-9A-Za-z._~!$&'()*+,;=-";
/** Any number of these characters and percent escapes. */
const escaped = (characters: string): string => `[${characters}]*(?:%${HEX}{2}[${characters}]*)*`;
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
/** Java and Go refuse percent escapes in a host. */
const AUTHORITY = `(?:${escaped(`:${UNRESERVED}`)}@)?(?:\\[(?:${IPV6})\\]|[${UNRESERVED}]*)(?::[0-9]{0,5})?`;
const SEGMENTS = escaped(`/:@${UNRESERVED}`);
const PATH = `//${AUTHORITY}(?:/${SEGMENTS})?|/?(?:(?:[:@${UNRESERVED}]|%${HEX}{2})${SEGMENTS})?`;
const QUERY_FRAGMENT = `(?:[?]${escaped(`/?:@${UNRESERVED}`)})?(?:#${escaped(`/?:@${UNRESERVED}`)})?`;
const SCHEME = '[A-Za-z][0-9A-Za-z+.-]*:';
/** Java requires content after a scheme, and an authority after its slashes. */
const ENDS_EARLY = [
  '^//$',
  `^${SCHEME}(?://)?$`,
  `^${SCHEME}#`,
  '^(?:[^/?#]*:)?//[^/?#]*@(?:[/?#]|$)',
  '^(?:[^/?#]*:)?//(?:[^/?#]*@)?:',
];
/** In the first segment of a relative reference, a colon would end a scheme. */
const COLON_FIRST = ['^:', '^[^A-Za-z/?#][^/?#]*:', '^[A-Za-z][0-9A-Za-z+.-]*[^0-9A-Za-z+.:/?#-][^/?#]*:'];

/** https://www.w3.org/TR/trace-context/#traceparent-header; versions after 00 may append fields. */
const TRACEPARENT = '[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]*)?';
const NO_TRACEPARENT = ['^ff', '^00.{53}-', '^...0{32}', '^.{36}0{16}'];
/** https://www.w3.org/TR/trace-context/#tracestate-header: up to 32 members, of which some may be empty. */
const TRACE_MEMBER = '[a-z0-9][a-z0-9_*/@-]*=[ -+.-<>-~-]*[!-+.-<>-~-]';
const TRACESTATE = `[\\t ]*(?:${TRACE_MEMBER}[\\t ]*)?(?:,[\\t ]*(?:${TRACE_MEMBER}[\\t ]*)?)*`;
/** No member, more than 32 members, a key or a value that is too long. */
const NO_TRACESTATE = ['^[\\t ,]*$', '(?:,[^,]*){32}', '[a-z0-9_*/@-]{257}=', '=[^,=]{256}[\\t ]*[^,=\\t ]'];

const RESERVED_PREFIXES = ['ce_', 'outbox-'].map(caseless).join('|');
const RESERVED_NAMES = ['content-type', 'traceparent', 'tracestate'].map(caseless).join('|');
const RESERVED = `^(?:${RESERVED_PREFIXES}|(?:${RESERVED_NAMES})$)`;
/** JavaScript loses these: the SDK writes headers from plain objects, and consumers read them into such objects. */
const LOST_NAMES = '^(?:constructor|__proto__)$';

const TEXT = `[ -~${AFTER_CONTROLS}]+`;
const NAME_ALLOWED = 'a text without control characters that is not blank';

/** All rules for texts of the item, by attribute. Rules that a pattern cannot express are in {@link LIMITS}. */
export const RULES = {
  pk: rule(
    `${AGGREGATE_SYNTAX}#[${ANY}]+`,
    'well-formed and "<aggregate>#<key>", where the aggregate is a letter followed by letters, digits, ".", "_" or "-"',
  ),
  sk: rule(
    POSITION_SYNTAX,
    `a version of 16 digits, at most ${Number.MAX_SAFE_INTEGER}, or a UUIDv7 in lower case`,
    NOT_VISIBLE_ASCII,
  ),
  eventId: rule(TEXT, NAME_ALLOWED, CONTROL, BLANK),
  eventType: rule(TEXT, NAME_ALLOWED, CONTROL, BLANK),
  // Kafka's own rule for topic names.
  topic: rule(
    '[0-9A-Za-z._-]{1,249}',
    'a Kafka topic name: 1 to 249 letters, digits, ".", "_" or "-"',
    '^[.]{1,2}$',
    NOT_VISIBLE_ASCII,
  ),
  time: rule(
    DATE_TIME,
    'an RFC 3339 time with its zone, such as "2026-01-31T12:00:00Z"; without leap seconds',
    ...OUT_OF_YEARS,
    NOT_VISIBLE_ASCII,
  ),
  contentType: rule(
    MEDIA_TYPE,
    'a media type such as "application/json", and none of "application/cloudevents…"',
    STRUCTURED,
    NOT_ASCII_TEXT,
  ),
  dataSchema: rule(
    `${SCHEME}(?:${PATH})${QUERY_FRAGMENT}`,
    'a URI with its scheme, such as "https://example.com/order.json"',
    ...ENDS_EARLY,
    NOT_VISIBLE_ASCII,
  ),
  wellFormed: rule(`[${ANY}]*`, 'well-formed Unicode'),
  headerName: rule(
    TEXT,
    'a non-empty text without control characters, not "constructor" or "__proto__", and not "ce_…", "outbox-…", "content-type", "traceparent" or "tracestate" in any case of letters, which the relay writes itself',
    RESERVED,
    LOST_NAMES,
    CONTROL,
  ),
  source: rule(
    `(?:${SCHEME})?(?:${PATH})${QUERY_FRAGMENT}`,
    'a non-empty URI reference such as "/shop/order", with other characters than those of RFC 3986 percent-encoded, and without a colon in the first part of a relative one',
    '^$',
    ...ENDS_EARLY,
    ...COLON_FIRST,
    NOT_VISIBLE_ASCII,
  ),
  region: rule('[a-z0-9-]+', 'an AWS region such as "eu-central-1"', NOT_VISIBLE_ASCII),
  traceparent: rule(
    TRACEPARENT,
    'a W3C traceparent in lower case: version, trace id, span id and flags, no id of zeros alone',
    ...NO_TRACEPARENT,
    NOT_VISIBLE_ASCII,
  ),
  tracestate: rule(TRACESTATE, 'a W3C tracestate: up to 32 members "key=value"', ...NO_TRACESTATE, NOT_ASCII_TEXT),
} as const satisfies Record<string, TextRule>;

/** Numbers and sizes of the item. */
export const LIMITS = {
  /** `ce_sequence` has four digits for the index of an event in its item. */
  events: 10_000,
  /** End of RFC 3339's four-digit years, because `committedAt` is the default of `time`. */
  committedAt: Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  /** Decompressed bytes of all compressed data of an item. It limits the memory of readers; Kafka's default is as large. */
  gunzippedBytes: 1024 * 1024,
} as const;

/** No item contains a longer text, and regular expression engines fail on texts of many megabytes. */
const MAX_CHARACTERS = 400 * 1024;

export const keeps = (
  { pattern, except }: Pick<TextRule, 'pattern'> & Partial<Pick<TextRule, 'except'>>,
  value: unknown,
): value is string =>
  typeof value === 'string' && value.length <= MAX_CHARACTERS && pattern.test(value) && except?.test(value) !== true;

const RESERVED_HEADER = new RegExp(RESERVED, 'u');
/** Names that the relay writes itself. */
export const isReservedHeader = (name: string): boolean => RESERVED_HEADER.test(name);
