import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { RE2JS } from 're2js';
import { RULES } from '../../lib/event/item-rules';
import { ATTRIBUTE_CASES } from '../builders/attribute-cases';

/**
 * Writers validate `item.schema.json` in their language, with its regular expression engine. Java's has a stack for
 * repeated groups and other line breaks before `$`; Go's is RE2, which has no look-around.
 */

type Name = keyof typeof RULES;

const RULE_OF: Readonly<Record<string, Name>> = {
  id: 'eventId',
  causationId: 'eventId',
  correlationId: 'eventId',
  type: 'eventType',
  headerValue: 'wellFormed',
};
const LINE_BREAKS = ['\n', '\r\n', '\r', '\u0085', '\u2028', '\u2029'];

interface Case {
  readonly rule: Name;
  readonly text: string;
  readonly accepted: boolean;
}

const cases = Object.entries(ATTRIBUTE_CASES)
  .flatMap(([attribute, { accepted, refused }]): Case[] => {
    const rule = RULE_OF[attribute] ?? (attribute as Name);
    const { pattern, except } = RULES[rule];
    const ends = accepted.flatMap((text) => LINE_BREAKS.map((end) => text + end));
    return [
      ...accepted.map((text) => ({ rule, text, accepted: true })),
      ...refused.map((text) => ({ rule, text, accepted: false })),
      ...ends.map((text) => ({ rule, text, accepted: pattern.test(text) && except?.test(text) !== true })),
    ];
  })
  // Half of a surrogate pair has no UTF-8 form.
  .filter(({ text }) => text.isWellFormed());

const LONG = 100_000;
const long: readonly Case[] = (
  [
    ['pk', `order#${'1'.repeat(LONG)}`],
    ['eventId', 'é'.repeat(LONG)],
    ['source', `/${'a/'.repeat(LONG)}`],
    ['source', `//${'a'.repeat(LONG)}@${'b'.repeat(LONG)}:80/?${'q'.repeat(LONG)}#${'f'.repeat(LONG)}`],
    ['dataSchema', `urn:${'a'.repeat(LONG)}`],
    ['contentType', `a/b;c="${'d'.repeat(LONG)}"`],
    ['time', `2026-01-01T00:00:00.${'1'.repeat(LONG)}Z`],
    ['tracestate', `a=1${' '.repeat(LONG)}`],
    ['wellFormed', '{"a":1}'.repeat(LONG)],
    ['headerName', 'x'.repeat(LONG)],
  ] as const
).map(([rule, text]) => ({ rule, text, accepted: true }));

const notIn = (verdicts: readonly unknown[], among: readonly Case[]) =>
  among.flatMap(({ rule, text, accepted }, at) =>
    String(verdicts[at]) === String(accepted)
      ? []
      : [`${rule} ${JSON.stringify(text.slice(0, 60))}: ${String(verdicts[at])}`],
  );

it('Java judges each text as the relay does, however long it is', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const all = [...cases, ...long];
  const input = [
    ...Object.entries(RULES).map(([name, { schema }]) => {
      const except = 'not' in schema ? base64(schema.not?.pattern ?? '') : '';
      return `rule ${name} ${base64(schema.pattern)} ${except}`;
    }),
    ...all.map(({ rule, text }) => `text ${rule} ${base64(text)}`),
  ];

  const { stdout, stderr, status } = spawnSync('java', [join(__dirname, 'SchemaPatterns.java')], {
    input: `${input.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1e8,
    timeout: 60_000,
  });

  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(notIn(stdout.trim().split('\n'), all)).toEqual([]);
});

it('RE2 reads every pattern, and judges each text as the relay does', () => {
  const compiled = Object.fromEntries(
    Object.entries(RULES).map(([name, { schema }]) => {
      const except = 'not' in schema ? schema.not?.pattern : undefined;
      return [
        name,
        { pattern: RE2JS.compile(schema.pattern), except: except === undefined ? undefined : RE2JS.compile(except) },
      ];
    }),
  );

  const verdicts = cases.map(({ rule, text }) => {
    const { pattern, except } = compiled[rule] ?? {};
    return pattern?.matcher(text).find() === true && except?.matcher(text).find() !== true;
  });

  expect(notIn(verdicts, cases)).toEqual([]);
});
