import { InvalidArgumentError, Option, type Command } from 'commander';
import vectorFile from '../../../conformance/vectors.json';
import { durationWithin } from '../arguments';
import { checkWriter } from '../conformance/check-writer';
import type { Verdict, VectorResult } from '../conformance/judge';
import type { Vector } from '../conformance/vectors';
import { count } from '../format';
import { EXIT_CODES } from '../run-in-session';
import type { GlobalOptions } from '../session';
import { Terminal } from '../terminal';

interface ConformanceOptions extends GlobalOptions {
  readonly writer: string;
  readonly timeout: number;
  readonly only?: readonly string[];
}

// TypeScript infers a type for each vector of the file; the script that writes the file writes this one.
const VECTORS = vectorFile.vectors as unknown as readonly Vector[];

export function addConformance(program: Command): void {
  program
    .command('conformance')
    .description('check a writer in any language: give it changes, and judge the outbox items that it makes of them')
    .requiredOption(
      '--writer <command>',
      'for the shell: reads a change a line from stdin, prints an item a line (docs/item-format.md) (required)',
    )
    .addOption(
      new Option('--timeout <duration>', 'how long each answer may take')
        .argParser(durationWithin('1s', '10m'))
        .default(10_000, '10s'),
    )
    .addOption(new Option('--only <name...>', 'give it the changes with these names alone').argParser(parseName))
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await run(command.optsWithGlobals<ConformanceOptions>());
    });
}

function parseName(name: string, before: readonly string[] = []): readonly string[] {
  if (VECTORS.some((vector) => vector.name === name)) return [...before, name];
  throw new InvalidArgumentError(`It must be one of ${VECTORS.map((vector) => vector.name).join(', ')}.`);
}

/** Needs no outbox. */
async function run({ writer, timeout, only, json = false }: ConformanceOptions): Promise<number> {
  const terminal = new Terminal({ json });
  const vectors = VECTORS.filter(({ name }) => only?.includes(name) ?? true);
  const results = await checkWriter(vectors, {
    command: writer,
    timeoutMs: timeout,
    onResult: (result) => terminal.part(lines(result)),
  });
  const counts = countsOf(results);
  const isWell = counts.failed + counts['not-run'] === 0;
  terminal.result({ writer, ...counts, vectors: results }, () => [
    '',
    terminal.style(isWell ? 'green' : 'red', summary(counts)),
    ...advice(results),
  ]);
  return isWell ? EXIT_CODES.done : EXIT_CODES.wrong;
}

type Counts = Readonly<Record<Verdict, number>>;

const countsOf = (results: readonly VectorResult[]): Counts => {
  const of = (verdict: Verdict): number => results.filter((result) => result.verdict === verdict).length;
  return { passed: of('passed'), failed: of('failed'), unsupported: of('unsupported'), 'not-run': of('not-run') };
};

const LABELS: Readonly<Record<Verdict, string>> = {
  passed: 'passed',
  failed: 'FAILED',
  unsupported: 'unsupported',
  'not-run': 'not run',
};
const LABEL_WIDTH = Math.max(...Object.values(LABELS).map((label) => label.length));
const NAME_WIDTH = Math.max(...VECTORS.map(({ name }) => name.length));

function lines({ name, verdict, problems, exact }: VectorResult): string[] {
  const notes = exact === false ? ['with attributes that need not be stored'] : problems;
  const start = `  ${LABELS[verdict].padEnd(LABEL_WIDTH)}  ${name.padEnd(NAME_WIDTH)}  `;
  return (notes.length === 0 ? [''] : notes).map((note, at) =>
    `${at === 0 ? start : ' '.repeat(start.length)}${note}`.trimEnd(),
  );
}

const summary = ({ passed, failed, unsupported, 'not-run': notRun }: Counts): string =>
  [
    `${count(passed, 'change')} passed`,
    `${failed} failed`,
    ...(notRun === 0 ? [] : [`${notRun} not run`]),
    ...(unsupported === 0 ? [] : [`${unsupported} unsupported, which are optional`]),
  ].join(', ') + '.';

const advice = (results: readonly VectorResult[]): string[] => {
  const first = results.find(({ verdict }) => verdict === 'failed');
  return first === undefined
    ? []
    : [`Change and item of each are in conformance/vectors.json of the package; --only ${first.name} repeats one.`];
};
