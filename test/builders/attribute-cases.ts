/** Values of one attribute of the outbox item: each rule with both sides of every boundary. */
export interface AttributeCases {
  readonly accepted: readonly string[];
  readonly refused: readonly string[];
}

const TRACE = 'a'.repeat(32);
const SPAN = 'b'.repeat(16);
const ZEROS = '0'.repeat(32);
const ALL_HEX = '0123456789abcdef';

const member = (name: string, value = '1') => `${name}=${value}`;
const members = (count: number) => Array.from({ length: count }, (_, index) => member(`k${index}`)).join(',');

const CONTROL_CHARACTERS = ['\u0000', '\t', '\n', '\r', '\u001f', '\u007f', '\u0080', '\u009f'];
const HALVES = ['\ud800', '\udbff', '\udc00', '\udfff', 'a\ud83d', '\ude00a'];

const text: AttributeCases = {
  accepted: ['~', 'a', 'a b', ' a', 'a\u2028', 'é', '\ufeff', '日本', '😀', '\u{10ffff}', 'x'.repeat(2000)],
  refused: ['', ...CONTROL_CHARACTERS, ...CONTROL_CHARACTERS.map((each) => `a${each}`), 'a\nb', ...HALVES],
};

/** The CloudEvents SDK for Go reads these as an empty id or type. */
const named: AttributeCases = {
  accepted: text.accepted,
  refused: [
    ...text.refused,
    ' ',
    '   ',
    '\u00a0',
    '\u1680',
    '\u2003',
    '\u2028',
    '\u2029',
    '\u202f',
    '\u205f',
    '\u3000 ',
  ],
};

export const ATTRIBUTE_CASES: Readonly<Record<string, AttributeCases>> = {
  pk: {
    accepted: ['order#42', 'a#1', 'Order.v2_eu-1#42', 'order##', 'order# ', 'order#\n', 'order#\u0000', 'order#😀'],
    refused: [
      ...[
        '',
        'order',
        'order#',
        '#42',
        '4rder#42',
        '$outbox#control',
        'or der#42',
        'örder#1',
        'order\n#42',
        ' order#42',
      ],
      ...HALVES.map((half) => `order#${half}`),
    ],
  },
  id: named,
  type: named,
  topic: {
    accepted: ['orders', 'a', 'A-1_b.c', '...', '.a', 'x'.repeat(249)],
    refused: ['', '.', '..', 'a b', 'a/b', 'ä', 'a\n', 'orders:1', 'x'.repeat(250)],
  },
  time: {
    accepted: [
      ...['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.5+02:00', '2026-02-28T23:59:59.123456789+05:30'],
      ...['2026-01-01t00:00:00z', '2026-01-01T00:00:00z', '2026-01-01T00:00:00.1234567890Z'],
      ...['2024-02-29T00:00:00Z', '2000-02-29T00:00:00Z', '2026-04-30T00:00:00Z', '2026-12-31T23:59:59Z'],
      ...['2026-01-01T00:00:00-00:00', '2026-01-01T00:00:00+23:59', '2026-01-01T00:00:00-23:59'],
      ...[
        '0001-01-01T00:00:00Z',
        '0001-01-01T23:59:59-23:59',
        '1969-12-31T23:59:59Z',
        '9999-12-31T23:59:59Z',
        '9999-12-31T23:59:59.999+01:00',
      ],
    ],
    refused: [
      ...['', 'yesterday', '1765400000', '1765400000000', '2026-01-01', '2026-01-01T10:00:00', '2026-01-01T10:00Z'],
      ...['2026-01-01 10:00:00Z', '2026-01-01T10:00:00 Z', ' 2026-01-01T10:00:00Z', '2026-01-01T10:00:00Z\n'],
      ...[
        '2026-02-24T13:25:16+0000',
        '2026-02-24T13:25:16+00',
        '2026-02-24T13:25:16+25:00',
        '2026-02-24T13:25:16+24:00',
      ],
      ...['2026-02-24T13:25:16+01:60', '2026-02-24T13:25:16Z+01:00', '2026-02-24T13:25:16 UTC', '20260224T132516Z'],
      ...['2026-02-30T00:00:00Z', '2026-02-29T00:00:00Z', '1900-02-29T00:00:00Z', '2026-04-31T00:00:00Z'],
      ...['2026-01-32T00:00:00Z', '2026-01-00T00:00:00Z', '2026-00-01T00:00:00Z', '2026-13-01T00:00:00Z'],
      ...['2026-01-01T24:00:00Z', '2026-01-01T23:60:00Z', '2016-12-31T23:59:60Z', '2026-01-01T23:59:61Z'],
      ...['2026-1-1T0:0:0Z', '26-01-01T00:00:00Z', '02026-01-01T00:00:00Z', '+002026-01-01T00:00:00Z'],
      ...['2026-01-01T00:00:00.Z', '2026-01-01T00:00:00,5Z', '2026-W01-1T00:00:00Z', '2026-001T00:00:00Z'],
      ...[
        '0000-01-01T00:00:00Z',
        '0001-01-01T00:00:00+00:01',
        '9999-12-31T23:59:59-01:00',
        '-0001-01-01T00:00:00Z',
        '٢٠٢٦-01-01T00:00:00Z',
      ],
    ],
  },
  contentType: {
    accepted: [
      ...['application/json', 'a/b', 'text/plain; charset=utf-8', 'text/plain;charset=utf-8', 'a/b ; c=d', 'a/b;'],
      ...[
        'application/vnd.shop+json',
        'application/x-www-form-urlencoded',
        'a/b; c="d; \\"e\\""; f=g',
        'a/b; c=""',
        'a/b; ',
        'a/b;; c=d',
      ],
      ...['Application/JSON', "a/b!#$%&'*+.^_`|~-", 'application/avro', 'text/cloudevents', 'application/cloudevent'],
    ],
    refused: [
      ...['', 'c', 'json', 'a/', '/b', 'a/b/c', 'a b/c', 'a/b c', 'a/b\n', 'a/b\nc', 'a/b; c', 'a/b; c=', 'a/b; =d'],
      ...['application/json; charset', 'a/b; c="d', 'a/b; c=d e', 'a/b, c/d', 'ä/b', ' a/b', 'a/b; c = d', '*/*;é=1'],
      ...['application/cloudevents', 'application/cloudevents+json', 'Application/CloudEvents-batch+json'],
    ],
  },
  dataSchema: {
    accepted: [
      ...['https://example.com/order.json', 'urn:x:schema:%C3%BC', 'urn:bytes', 'a:b', 'x-1+2.3:y', 'file:///a/b'],
      ...['http://u:p@example.com:80/a?b=c#d', 'http://[::1]:80/', 'http://[2001:db8::192.0.2.1]/x', 'mailto:a@b.c'],
    ],
    refused: [
      ...['', 'd', 'x y', '/order.json', '//example.com/a', '#a', '1a:b', 'urn:', 'https://example.com/ä'],
      ...[
        'https://example.com/a b',
        'urn:x\n',
        'urn:%zz',
        'urn:%2',
        'urn:a^b',
        'urn:"a"',
        'http://[::1',
        'http://[x]/',
      ],
      ...['http://', 'http://u@/a', 'http://:80/a', 'http://%41/', 'http://a:123456/', 'a:#b'],
      ...['http://[1:2]/', 'urn:a#b#c', 'a\\b:c', 'urn:{a}', 'urn:<a>', 'urn:a|b'],
    ],
  },
  source: {
    accepted: [
      ...[
        '/shop/order',
        'shop',
        '/',
        '?a',
        '#a',
        '//host',
        '../a',
        'https://example.com/a?b#c',
        'urn:x:y',
        '1-555-123',
      ],
      ...[
        '1/a:b',
        './a:b',
        '?a:b',
        '#a:b',
        'a/b@c:d',
        '///a',
        'file:///a',
        '//host:',
        '//u:p@h:80/a',
        `/${'a/'.repeat(5000)}`,
      ],
      ...['mailto:a@b.c', '/a;b=c,d', "/a!$&'()*+", '/%C3%B6l', '.', '/a:b@c', '/~u/_x', 'cloudevents/spec/pull/123'],
    ],
    refused: [
      ...[
        '',
        ' ',
        'not a uri',
        '/shop/öl',
        '/a b',
        '/a\n',
        '\n',
        '/%',
        '/%zz',
        '/a"b',
        '/a<b>',
        '/a\\b',
        '/a^b',
        '/a`b',
      ],
      ...[
        '//',
        ':',
        ':a',
        '1a:b',
        'a@b:c',
        'a%41:b',
        'a:',
        'http://',
        '//%41',
        '//u@',
        '//:80',
        '///%',
        'é:b',
        'a_b:c',
      ],
      ...['/a{b}', '/a|b', '/a[b]', '#a#b', 'http://[::1', '//a b', '/\u0000'],
    ],
  },
  region: {
    accepted: ['eu-central-1', 'us-gov-west-1', 'local', '1'],
    refused: ['', 'eu central', 'EU-CENTRAL-1', 'eu_central_1', 'eu-central-1\n', 'ü'],
  },
  traceparent: {
    accepted: [
      ...[`00-${TRACE}-${SPAN}-01`, `00-${ALL_HEX}${ALL_HEX}-${ALL_HEX}-00`, `00-${TRACE}-${SPAN}-ff`],
      ...[`01-${TRACE}-${SPAN}-01`, `fe-${TRACE}-${SPAN}-01-what.ever`, `cc-${TRACE}-${SPAN}-01-`],
      ...[`00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-00`],
    ],
    refused: [
      ...['', 'zz', 'a', `00-${ZEROS}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `ff-${TRACE}-${SPAN}-01`],
      ...[
        `00-${TRACE.toUpperCase()}-${SPAN}-01`,
        `00-${TRACE}-${SPAN}`,
        `00-${TRACE}-${SPAN}-1`,
        `00-${TRACE}-${SPAN}-01-x`,
      ],
      ...[`00-${TRACE}a-${SPAN}-01`, `00-${TRACE}-${SPAN}b-01`, `0-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01\n`],
      ...[` 00-${TRACE}-${SPAN}-01`, `01-${TRACE}-${SPAN}-01x`, `00_${TRACE}_${SPAN}_01`, `00-${TRACE}-${SPAN}-0g`],
    ],
  },
  tracestate: {
    accepted: [
      ...['a=1', 'vendor=1,other=2', 'a=1, b=2', 'a=1 ,\tb=2', 'a=1,,b=2', ',a=1', 'a=1,', ' a=1', '1a=b', 't@v=x'],
      ...['a= 1', 'a=x y', 'a=!+-:;<>~', member('k'.repeat(256)), member('a', 'v'.repeat(256)), members(32)],
      ...['a_-*/b=1'],
    ],
    refused: [
      ...[
        '',
        ' ',
        ',',
        'b',
        'a=',
        '=1',
        'A=1',
        'a=1;b=2=3',
        'a=b=c',
        'a=é',
        'a=\u0007',
        'a=1\n',
        'a =1',
        '@a=1',
        '_a=1',
      ],
      ...[member('k'.repeat(257)), member('a', 'v'.repeat(257)), members(33)],
    ],
  },
  causationId: named,
  correlationId: named,
  headerName: {
    accepted: [
      'a',
      'tenant',
      'X-Correlation-Id',
      'a b',
      ' ',
      'é',
      '😀',
      'ce',
      'cex_',
      'outbox',
      'content-types',
      'constructors',
      'x'.repeat(500),
    ],
    refused: [
      ...['ce_', 'ce_id', 'CE_x', 'Ce_x', 'outbox-', 'Outbox-replay', 'content-type', 'Content-Type', 'TRACEPARENT'],
      ...['tracestate', 'TraceState', 'constructor', '__proto__', ...text.refused.filter((name) => name !== '')],
    ],
  },
  headerValue: {
    accepted: ['', 'a', ' ', '\n', '\u0000', 'é😀', 'x'.repeat(2000)],
    refused: HALVES,
  },
};
