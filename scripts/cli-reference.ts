import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { createProgram } from '../bin/cli/program';

export const CLI_PAGE = 'docs/cli.md';

const INTRODUCTION = `# Command line

The package includes the command line \`outbox\`. This page is the output of \`--help\` of every command; \`npm run docs:cli\` writes it. [Operations](operations.md) leads from a symptom to the command and lists the [permissions](operations.md#permissions) of each. Each command except \`smoke\` and \`conformance\` is also a function of \`dynamodb-outbox/operator\`.

- A key is \`aggregate#key\`, such as \`order#42\`, in every command, for the relay as for a consumer. A consumer's commands and \`explain\` also accept the key alone (\`42\`): then they mean every aggregate with this key.
- \`redrive\` and \`skip\` ask the relay, \`consumer redrive\` and \`consumer skip\` ask a consumer. All four take \`--why\`, \`--follow\` and \`--timeout\`.
- A command that discards, publishes again or creates something, or that does more than to send a [signal](architecture.md#words), only shows what it would do, until you add \`--yes\`.
- \`--json\` prints one line of JSON, for a program.`;

/** The help of every command, as one page. The global options are shown once. */
export function cliReference(): string {
  const program = createProgram('VERSION');
  const commands = leavesOf(program).map(
    (command) => `## ${nameOf(command)}\n\n${block(helpOf(command.configureHelp({ showGlobalOptions: false })))}`,
  );
  return `${[INTRODUCTION, block(helpOf(program)), ...commands].join('\n\n')}\n`;
}

/** The help as a terminal of 80 columns shows it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => 80,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

const leavesOf = (command: Command): Command[] =>
  command.commands.flatMap((each) => (each.commands.length === 0 ? each : [each, ...leavesOf(each)]));

const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;

const block = (text: string): string => `\`\`\`text\n${text}\n\`\`\``;

if (require.main === module) writeFileSync(CLI_PAGE, cliReference());
