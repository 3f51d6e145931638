import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Command, Option } from 'commander';
import { createProgram } from '../../../bin/cli/program';
import { consumerStack } from '../consumer-stack';
import { outboxStack } from '../stack';
import { compositeAlarms, gathered, idOf, metricAlarms, runbookOf } from './template';

const DOCS = join(__dirname, '../../../docs');
const FOLDER = join(DOCS, 'runbooks');
const read = (name: string): string => readFileSync(join(FOLDER, `${name}.md`), 'utf8');
const pages = readdirSync(FOLDER)
  .map((file) => file.replace(/\.md$/, ''))
  .filter((name) => name !== 'README');

/** Stacks with every optional alarm. */
const templates = [
  outboxStack(() => ({ monitoring: { mskClusterName: 'orders' } })).template(),
  consumerStack((stack) => ({ onFailure: { bucket: new Bucket(stack, 'GivenUp'), retryAttempts: 100 } })).template(),
];
const gatheredBy = (severity: string) => templates.flatMap((template) => gathered(template, severity));
const severities = { page: gatheredBy('page'), ticket: gatheredBy('ticket') };
const alarms = templates
  .flatMap((template) => [...Object.values(metricAlarms(template)), ...Object.values(compositeAlarms(template))])
  .filter((alarm) => !Object.keys(severities).includes(idOf(alarm)));

/** Reported by a command, because no metric shows them. */
const WITHOUT_ALARM = ['topic-lost'];

test('every alarm has a runbook, and every runbook an alarm or a command that names it', () => {
  expect(new Set([...alarms.map(runbookOf), ...WITHOUT_ALARM])).toEqual(new Set(pages));
});

test('the description is one sentence and the place of the runbook', () => {
  for (const { AlarmDescription } of alarms) {
    expect(AlarmDescription).toMatch(/^[A-Z][^!?]*[^.]\. Runbook: docs\/runbooks\/[a-z-]+\.md$/);
  }
});

test('the place of the runbooks can be a URL of yours', () => {
  const monitoring = { runbookBaseUrl: 'https://example.com/runbooks/' };
  const [alarm] = Object.values(metricAlarms(outboxStack(() => ({ monitoring })).template()));
  expect(alarm!.AlarmDescription).toMatch(/ Runbook: https:\/\/example\.com\/runbooks\/[a-z-]+\.md$/);
});

describe.each(pages)('the runbook %s', (page) => {
  test('describes the cause, the checks, the actions and the result', () => {
    const headings = [...read(page).matchAll(/^#+ .*$/gm)].map(([heading]) => heading);
    expect(headings).toEqual([expect.stringMatching(/^# /), '## Check', '## Act', '## Afterwards']);
    const [, meaning] = /^# .*\n\n([\s\S]*?)\n\n## Check/.exec(read(page))!;
    expect(meaning!.length).toBeGreaterThan(50);
  });

  test('names the risk of acting', () => {
    const [, act] = /^## Act\n([\s\S]*)\n## Afterwards$/m.exec(read(page))!;
    expect(act!.match(/^\*\*Risk:\*\* \S.*[.:]/gm)).toHaveLength(1);
  });

  test('is short', () => {
    expect(read(page).split(/\s+/).length).toBeLessThan(350);
  });

  test('is in the list', () => {
    expect(read('README')).toContain(`[${page}](${page}.md)`);
  });
});

/** Every `npx outbox …` of the runbooks, with its page. */
const commands = [...pages, 'README'].flatMap((page) =>
  [...read(page).matchAll(/npx outbox ([^`\n#]+)/g)].map(([, command]): [string, string] => [command!.trim(), page]),
);
const isNamed = ({ long, short }: Option, text: string): boolean => text === long || text === short;

/** `consumer parked` is a subcommand. */
function commandOf(words: readonly string[], within: Command): Command | undefined {
  const [name, ...rest] = words;
  const command = within.commands.find((candidate) => candidate.name() === name);
  return command === undefined || command.commands.length === 0 ? command : commandOf(rest, command);
}

test.each(commands)('"outbox %s" of %s is a command with options that exist', (line) => {
  const [name, ...rest] = line.replaceAll(/"[^"]*"/g, 'TEXT').split(/\s+/);
  const program = createProgram('0');
  const command = commandOf([name!, ...rest], program);
  expect(command).toBeDefined();
  const known = [...command!.options, ...program.options];
  const unknown = rest.filter((text) => text.startsWith('-') && !known.some((option) => isNamed(option, text)));
  expect(unknown).toEqual([]);
  if (['redrive', 'replay'].includes(command!.name())) expect(rest).toContain('--why');
});

test('the list of runbooks and the page on monitoring name each alarm with its severity', () => {
  const monitoring = readFileSync(join(DOCS, 'monitoring.md'), 'utf8');
  const rows = [...monitoring.matchAll(/^\| `([\w-]+)` +\| (page|ticket) +\|.*\| \[([\w-]+)\]/gm)];
  const runbooks = new Map(alarms.map((alarm) => [idOf(alarm), runbookOf(alarm)]));
  const expected = Object.entries(severities).flatMap(([severity, ids]) =>
    ids.map((id) => [id, severity, runbooks.get(id)]),
  );
  expect(rows.map(([, id, severity, runbook]) => [id, severity, runbook])).toEqual(expect.arrayContaining(expected));
  expect(rows).toHaveLength(expected.length);
});

test('the list of runbooks promises no safety that the pages do not have', () => {
  expect(read('README')).not.toMatch(/nothing here can/i);
  expect(read('README')).toContain('Each page names its **Risk**');
});
