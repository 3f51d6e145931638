import { Option, type Command } from 'commander';
import { countStoredTypes } from '../../../lib/operate/stored-types';
import { parseBaseline, printBaseline, type SchemaBaseline } from '../../../lib/schema/baseline';
import {
  checkSchemas,
  SCHEMA_COMPATIBILITIES,
  DEFAULT_COMPATIBILITY,
  type SchemaCompatibility,
  type SchemaReport,
  type StoredType,
} from '../../../lib/schema/check';
import { EXIT_CODES } from '../run-in-session';
import { loadCatalogue } from '../catalogue-module';
import { columns, count, number } from '../format';
import { findingLines, schemaAdvice } from '../schema-findings';
import { openSession, SessionError, type GlobalOptions } from '../session';
import { Terminal } from '../terminal';
import { readIfExists, replaceFile } from '../text-file';
import { addSchemaAsyncApi } from './schema-asyncapi';

interface SchemaOptions extends GlobalOptions {
  readonly catalogue: string;
  readonly baseline: string;
  readonly mode: SchemaCompatibility;
  readonly againstTable?: true;
  readonly acceptBreaking?: true;
}

const BASELINE_FILE = 'outbox-schemas.json';

export function addSchema(program: Command): void {
  const schema = program
    .command('schema')
    .description(
      'keep the schemas of events compatible: compare a catalogue with the baseline that is committed with it',
    );
  const common = (command: Command): Command =>
    command
      .requiredOption(
        '--catalogue <module>',
        'exports the catalogue: ./dist/events.js, or ./dist/events.js#name (required)',
      )
      .option('--baseline <file>', 'the file with the recorded schemas', BASELINE_FILE)
      .addOption(
        new Option('--mode <mode>', 'which schema must accept whose data')
          .choices(SCHEMA_COMPATIBILITIES)
          .default(DEFAULT_COMPATIBILITY),
      )
      .option('--against-table', 'count the versions that the table still holds (scans the table)');
  common(schema.command('check'))
    .description('fail if a change would break a reader, or is not recorded')
    .action((_options: unknown, command: Command) => run(command, check));
  common(schema.command('snapshot'))
    .description('record the catalogue in the baseline, unless a change would break a reader')
    .option('--accept-breaking', 'record a change that breaks readers')
    .action((_options: unknown, command: Command) => run(command, snapshot));
  addSchemaAsyncApi(schema);
}

interface Run {
  readonly terminal: Terminal;
  readonly options: SchemaOptions;
  readonly before: SchemaBaseline | undefined;
  readonly report: SchemaReport;
}

/** Needs no outbox, unless `--against-table` is given. */
async function run(command: Command, conclude: (run: Run) => number): Promise<void> {
  const options = command.optsWithGlobals<SchemaOptions>();
  const terminal = new Terminal({ json: options.json ?? false });
  const catalogue = await loadCatalogue(options.catalogue);
  const before = readBaseline(options.baseline);
  const stored = options.againstTable === true ? await storedTypes(options) : undefined;
  const report = checkSchemas(catalogue, before ?? {}, { compatibility: options.mode, stored });
  process.exitCode = conclude({ terminal, options, before, report });
}

async function storedTypes(options: GlobalOptions): Promise<readonly StoredType[]> {
  const { terminal, target } = await openSession(options);
  return countStoredTypes(target, { onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`) });
}

function check({ terminal, options, before, report }: Run): number {
  if (before === undefined) {
    throw new SessionError(`schema check: there is no ${options.baseline}. Create it with outbox schema snapshot.`);
  }
  const { compatibility, types, findings, stored } = report;
  const isUnchanged = findings.length === 0;
  terminal.result({ compatibility, types, findings, stored }, () => [
    ...lines(report),
    isUnchanged
      ? terminal.style('green', `${count(types, 'type')}, all as recorded.`)
      : terminal.style('red', `${count(findings.length, 'finding')}.`),
    ...schemaAdvice(findings),
  ]);
  return isUnchanged ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function snapshot({ terminal, options, before, report }: Run): number {
  const { baseline: file } = options;
  const { compatibility, types, stored } = report;
  const breaking = report.findings.filter(({ kind }) => kind !== 'not-recorded');
  const isRefused = breaking.length > 0 && options.acceptBreaking !== true;
  const text = printBaseline(report.baseline);
  const isNew = before === undefined || printBaseline(before) !== text;
  if (!isRefused && isNew) replaceFile(file, text);
  const result = { compatibility, types, findings: breaking, stored, written: !isRefused && isNew };
  terminal.result(result, () => [
    ...lines({ ...report, findings: breaking }),
    isRefused
      ? terminal.style('red', `${count(breaking.length, 'finding')}. ${file} was not changed.`)
      : terminal.style('green', `${file} ${isNew ? 'records' : 'already records'} ${count(types, 'type')}.`),
    ...(isRefused ? schemaAdvice(breaking) : []),
  ]);
  return isRefused ? EXIT_CODES.wrong : EXIT_CODES.done;
}

function readBaseline(file: string): SchemaBaseline | undefined {
  const text = readIfExists(file);
  return text === undefined ? undefined : parseBaseline(text, file);
}

function lines({ findings, stored }: SchemaReport): string[] {
  const table = (stored ?? []).map(({ ceType, pending, parked, processed, isReadable, type }) => [
    ceType,
    number(pending),
    number(parked),
    number(processed),
    type === undefined ? 'not in this catalogue' : isReadable ? 'readable' : 'cannot be read',
  ]);
  return [
    ...(stored === undefined
      ? []
      : [...columns([['IN THE TABLE', 'PENDING', 'PARKED', 'PROCESSED', ''], ...table]), '']),
    ...findingLines(findings),
  ];
}
