import { CommanderError, type Command } from 'commander';
import { createProgram } from '../../../bin/cli/program';
import {
  blocksOf,
  commandsOf,
  markdownIn,
  mentionsOf,
  needsAws,
  OPERATOR_PAGES,
  outboxArguments,
} from './documented-commands';

const pages = ['README.md', 'CONTRIBUTING.md', ...['docs', 'examples'].flatMap(markdownIn)];

/** A sentence may name a command without its required options. */
const LEFT_OUT = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help']);

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

const blocks = pages.flatMap(blocksOf);
const inBlocks = blocks.flatMap((block) =>
  commandsOf(block).flatMap((command): [string, string, readonly string[]][] => {
    const args = outboxArguments(command);
    return args === undefined ? [] : [[command, `${block.page}:${block.line}`, args]];
  }),
);
const inSentences = pages.flatMap((page) =>
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
  expect(error === undefined || LEFT_OUT.has(error.code) ? undefined : error.message).toBeUndefined();
});

test('an unknown command, an unknown option and a value out of range are found', () => {
  expect(parse(['stauts'])?.code).toBe('commander.unknownCommand');
  expect(parse(['held', '--reasn', 'x'])?.code).toBe('commander.unknownOption');
  expect(parse(['sweep', '--after', 'soon'])?.code).toBe('commander.invalidArgument');
});

test.each(
  blocks
    .filter(({ text }) => /^\$ /m.test(text))
    .map((block): [string, string] => [`${block.page}:${block.line}`, block.info]),
)('the transcript at %s is marked as one', (_place, info) => {
  expect(info).toMatch(/^console( aws)?$/);
});

/** Commands that cannot run on a local stack. */
const ONLY_ON_AWS = /^(aws|kafka-\S+|GROUP=.*)$|^(npx outbox (take-over|.*(--stack|--page-test)).*)$/;

test.each(OPERATOR_PAGES.flatMap(blocksOf).map((block) => [`${block.page}:${block.line}`, block] as const))(
  'the block at %s says whether it needs an AWS account',
  (_place, block) => {
    const commands = commandsOf(block);
    const onAws = commands.filter(
      (command) => ONLY_ON_AWS.test(command) || ONLY_ON_AWS.test(command.split(' ')[0] ?? ''),
    );
    expect(onAws).toEqual(needsAws(block) ? expect.arrayContaining([expect.any(String)]) : []);
    expect(needsAws(block) || commands.every((command) => outboxArguments(command) !== undefined)).toBe(true);
  },
);
