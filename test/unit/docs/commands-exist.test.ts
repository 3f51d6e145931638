import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { createProgram } from '../../../bin/cli/program';
import {
  blocksOf,
  commandsOf,
  mentionsOf,
  needsAws,
  OPERATOR_PAGES,
  PAGES,
  outboxArguments,
} from './documented-commands';

/** A sentence may name a command, or one with a flag. If it has a value, a reader runs it: no required option may be missing. */
const LEFT_OUT = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help']);
const isName = (args: readonly string[]): boolean =>
  !args.some((arg, at) => arg.startsWith('--') && /^[^-]/.test(args[at + 1] ?? ''));

/** In a sentence, an ellipsis stands for arguments that the reader adds. */
const ELLIPSES = / […|](?= |$)/g;

/** Parses as the command line does, but runs nothing. */
function parse(args: readonly string[]): CommanderError | undefined {
  const program = createProgram('0');
  silence(program);
  try {
    program.parse(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    if (error instanceof CommanderError) return error;
    throw error;
  }
}

function silence(command: Command): void {
  const quiet = () => undefined;
  command.exitOverride().configureOutput({ writeOut: quiet, writeErr: quiet });
  if (command.commands.length === 0) command.action(quiet);
  command.commands.forEach(silence);
}

const blocks = PAGES.flatMap(blocksOf);
const inBlocks = blocks.flatMap((block) =>
  commandsOf(block).flatMap((command): [string, string, readonly string[]][] => {
    const args = outboxArguments(command);
    return args === undefined ? [] : [[command, `${block.page}:${block.line}`, args]];
  }),
);
const inSentences = PAGES.flatMap((page) =>
  mentionsOf(page).map((command): [string, string, readonly string[]] => [
    command,
    page,
    outboxArguments(command.replaceAll(ELLIPSES, '')) ?? [],
  ]),
);

test.each(inBlocks)('"%s" (%s) can be given as it stands there', (_command, _place, args) => {
  expect(parse(args)?.message).toBeUndefined();
});

test.each(inSentences)('"%s" (%s) names a command and options that exist', (_command, _place, args) => {
  const error = parse(args);
  const isAllowed = error === undefined || (isName(args) && LEFT_OUT.has(error.code));
  expect(isAllowed ? undefined : error.message).toBeUndefined();
});

const RUNBOOKS = OPERATOR_PAGES.filter((page) => /runbooks\/(?!README)/.test(page));

test.each(RUNBOOKS)('%s names the option that selects the outbox, if it has a command', (page) => {
  const text = readFileSync(join(__dirname, '../../..', page), 'utf8');
  expect(text.includes('Add `--stack NAME`')).toBe(text.includes('`npx outbox') || text.includes('\nnpx outbox'));
});

test('an unknown command, an unknown option and a value out of range are found', () => {
  expect(parse(['stauts'])?.code).toBe('commander.unknownCommand');
  expect(parse(['held', '--reasn', 'x'])?.code).toBe('commander.unknownOption');
  expect(parse(['sweep', '--after', 'soon'])?.code).toBe('commander.invalidArgument');
  expect(parse(['verify', '--key', 'order#42'])?.code).toBe('commander.missingMandatoryOptionValue');
  expect([['verify'], ['verify', '--json'], ['verify', '--key', 'order#42']].map(isName)).toEqual([true, true, false]);
});

test.each(
  blocks
    .filter(({ text }) => /^\$ /m.test(text))
    .map((block): [string, string] => [`${block.page}:${block.line}`, block.info]),
)('the transcript at %s is marked as one', (_place, info) => {
  expect(info).toMatch(/^console( aws)?$/);
});

/** Commands that cannot run on a local stack. */
const ONLY_ON_AWS = [
  /^(aws|kafka-\S+|GROUP=\S+|ITERATOR=\S+) /,
  /^npx cdk (bootstrap|deploy) /,
  /^(npx outbox|npm run) (take-over|.*(--stack|--page-test))/,
];
const { scripts } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** Commands of the guides that other tests run: scripts, what sets the repository up, and the variables of the local stack. */
function isRunElsewhere(command: string): boolean {
  // `test/local/harness/foreign-writers.ts` installs both writers so.
  if (/^(python3 -m venv venv|venv\/bin\/pip install -r requirements\.txt|mvn package)$/.test(command)) return true;
  if (/^(npm (ci|install)|npx (cdk synth|jest)) ?/.test(command)) return true;
  const [, script] = /^(?:npm ci && )?npm run (\S+)/.exec(command) ?? [];
  return script === undefined ? command.startsWith('export ') : scripts[script] !== undefined;
}

test.each(blocks.map((block) => [`${block.page}:${block.line}`, block] as const))(
  'the block at %s says whether it needs an AWS account',
  (_place, block) => {
    const commands = commandsOf(block);
    const onAws = commands.filter((command) => ONLY_ON_AWS.some((pattern) => pattern.test(`${command} `)));
    expect(onAws).toEqual(needsAws(block) ? expect.arrayContaining([expect.any(String)]) : []);
    const isOperators = OPERATOR_PAGES.includes(block.page);
    // `test/local/tutorial.test.ts` runs every command of it.
    if (block.page === 'docs/tutorial.md') return;
    const unknown = commands.filter(
      (command) => outboxArguments(command) === undefined && (isOperators || !isRunElsewhere(command)),
    );
    expect(needsAws(block) ? [] : unknown).toEqual([]);
  },
);
