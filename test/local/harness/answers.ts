/** A line of a drill's answer. */
export type Step =
  | {
      readonly kind: 'command';
      readonly line: string;
      readonly program: 'outbox' | 'aws';
      /** The words after the program's name. */
      readonly words: readonly string[];
      readonly code: number;
      /** Parts of the expected output. */
      readonly says: readonly string[];
    }
  | { readonly kind: 'call'; readonly team: string };

/** The console blocks of each numbered section, in order. */
export function stepsOf(markdown: string): ReadonlyMap<number, readonly Step[]> {
  const answers = new Map<number, Step[]>();
  for (const section of markdown.split(/^## /m).slice(1)) {
    const blocks = [...section.matchAll(/^```console[^\n]*\n(.*?)^```/gms)].map(([, lines = '']) => lines);
    answers.set(Number.parseInt(section, 10), blocks.flatMap(stepsOfBlock));
  }
  return answers;
}

function stepsOfBlock(block: string): Step[] {
  const steps: Step[] = [];
  let says: string[] = [];
  for (const line of block.split('\n').filter((each) => each.trim() !== '')) {
    const [, team] = /^> call (\w+)$/.exec(line) ?? [];
    const [, program, command, code = '0'] = /^\$ (?:npx )?(outbox|aws) (.*?)(?: \[(\d)\])?$/.exec(line) ?? [];
    if (team !== undefined) steps.push({ kind: 'call', team });
    else if (command !== undefined) {
      says = [];
      steps.push({
        kind: 'command',
        line,
        program: program === 'aws' ? 'aws' : 'outbox',
        words: wordsOf(command),
        code: Number(code),
        says,
      });
    } else if (line.startsWith('$') || line.startsWith('>')) throw new Error(`This test cannot run ${line}`);
    else says.push(line.trim());
  }
  return steps;
}

/** Splits a command as a shell does, as far as the answers need it. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
