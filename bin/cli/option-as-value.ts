import type { Command } from 'commander';

/**
 * Makes each command refuse the name of an option as the value of another one. commander takes it, although
 * in `--table --json` the name of the table was forgotten.
 */
export function refuseOptionsAsValues(program: Command): void {
  const longOf = ({ options }: Command): readonly string[] => options.flatMap(({ long }) => long ?? []);
  const visit = (command: Command, inherited: readonly string[]): void => {
    const known = [...inherited, ...longOf(command)];
    for (const option of command.options.filter(({ required }) => required)) {
      command.on(`option:${option.name()}`, (value: string) => {
        if (!known.includes(value)) return;
        const problem = `error: option '${option.flags}' argument missing: the next word, ${value}, is an option`;
        command.error(problem, { code: 'commander.optionMissingArgument' });
      });
    }
    for (const each of command.commands) visit(each, known);
  };
  visit(program, []);
}
