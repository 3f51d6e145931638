import { Option, type Command } from 'commander';
import { parse, stringify } from 'yaml';
import { messageOf } from '../../../lib/event/errors';
import type { EventCatalogue } from '../../../lib/event/catalogue';
import { withTopics } from '../../../lib/operate/create-topic';
import { readTopics } from '../../../lib/operate/read-topics';
import {
  ASYNCAPI_COMPATIBILITIES,
  checkAsyncApi,
  DEFAULT_ASYNCAPI_COMPATIBILITY,
  parseAsyncApi,
  type AsyncApiCompatibility,
} from '../../../lib/schema/asyncapi/check';
import {
  asyncApiDocument,
  printAsyncApi,
  type AsyncApiDocument,
  type AsyncApiTopic,
} from '../../../lib/schema/asyncapi/document';
import type { SchemaFinding } from '../../../lib/schema/check';
import { loadCatalogue } from '../catalogue-module';
import { count } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { EXIT_CODES } from '../run-in-session';
import { findingLines, schemaAdvice } from '../schema-findings';
import { openSession, SessionError, type GlobalOptions } from '../session';
import { Terminal } from '../terminal';
import { readIfExists, replaceFile } from '../text-file';

const FORMATS = ['json', 'yaml'] as const;
type Format = (typeof FORMATS)[number];

interface AsyncApiCommandOptions extends GlobalOptions, KafkaOptions {
  readonly catalogue: string;
  readonly title?: string;
  readonly apiVersion?: string;
  readonly description?: string;
  readonly describeTopics?: true;
  readonly format?: Format;
  readonly output?: string;
  readonly check?: string;
  readonly mode: AsyncApiCompatibility;
  readonly acceptBreaking?: true;
}

export function addSchemaAsyncApi(schema: Command): void {
  withKafkaOptions(
    schema
      .command('asyncapi')
      .description(
        'describe the events of a catalogue as an AsyncAPI document; with --check, compare it with an earlier one',
      )
      .requiredOption(
        '--catalogue <module>',
        'exports the catalogue: ./dist/events.js, or ./dist/events.js#name (required)',
      )
      .option('--title <text>', 'title of the service (default: that of --check; otherwise required)')
      .option('--api-version <version>', 'version of the document (default: that of --check; otherwise required)')
      .option('--description <text>', 'description of the service (default: that of --check)')
      .option('--output <file>', 'write the document to a file (default: to stdout, or nowhere with --check)')
      .addOption(
        new Option('--format <format>', 'of the document (default: as --output is named, otherwise json)').choices(
          FORMATS,
        ),
      )
      .option('--check <file>', 'an earlier document, in JSON or YAML: fail if a change would break a reader')
      .addOption(
        new Option('--mode <mode>', 'with --check, which schema must accept whose data')
          .choices(ASYNCAPI_COMPATIBILITIES)
          .default(DEFAULT_ASYNCAPI_COMPATIBILITY),
      )
      .option('--accept-breaking', 'with --check and --output, write a document although it breaks readers')
      .option('--describe-topics', 'read partitions, replicas and properties of the topics from Kafka'),
  ).action(async (_options: unknown, command: Command) => {
    process.exitCode = await run(command.optsWithGlobals<AsyncApiCommandOptions>());
  });
}

/** Needs no outbox, unless `--describe-topics` is given without `--brokers`. */
async function run(options: AsyncApiCommandOptions): Promise<number> {
  const terminal = new Terminal({ json: options.json ?? false });
  if (options.acceptBreaking === true && (options.check === undefined || options.output === undefined)) {
    throw new SessionError(
      'schema asyncapi: --accept-breaking has no effect without --check and --output. Give all three, or leave it out.',
    );
  }
  const catalogue = await loadCatalogue(options.catalogue);
  const earlier = options.check === undefined ? undefined : readDocument(options.check);
  const topics = options.describeTopics === true ? await topicsOf(catalogue, options, terminal) : undefined;
  const document = asyncApiDocument(catalogue, {
    title: options.title ?? earlier?.info.title ?? missing('--title'),
    version: options.apiVersion ?? earlier?.info.version ?? missing('--api-version'),
    description: options.description ?? earlier?.info.description,
    topics,
  });
  if (earlier !== undefined) return compare({ terminal, options, document, earlier });
  return options.output === undefined
    ? print(terminal, document, options)
    : write(terminal, document, options.output, options);
}

const missing = (option: string): never => {
  throw new SessionError(`schema asyncapi: give ${option}, or an earlier document with --check.`);
};

function print(terminal: Terminal, document: AsyncApiDocument, { format = 'json' }: AsyncApiCommandOptions): number {
  terminal.result(document, () => textOf(document, format).trimEnd().split('\n'));
  return EXIT_CODES.done;
}

function write(terminal: Terminal, document: AsyncApiDocument, file: string, options: AsyncApiCommandOptions): number {
  const isNew = writeDocument(document, file, options);
  const types = typesIn(document);
  terminal.result({ types, written: isNew }, () => [
    terminal.style('green', `${file} ${isNew ? 'describes' : 'already describes'} ${count(types, 'type')}.`),
  ]);
  return EXIT_CODES.done;
}

interface Comparison {
  readonly terminal: Terminal;
  readonly options: AsyncApiCommandOptions;
  readonly document: AsyncApiDocument;
  readonly earlier: AsyncApiDocument;
}

/** With `--output` a change is recorded there; without it, a change that is not recorded is a finding. */
function compare({ terminal, options, document, earlier }: Comparison): number {
  const { output, mode, acceptBreaking } = options;
  const report = checkAsyncApi(document, earlier, { compatibility: mode });
  if (output === undefined) {
    const isUnchanged = report.findings.length === 0;
    const summary = isUnchanged ? `${count(report.types, 'type')}, all as described.` : '';
    terminal.result(report, () => reportLines(terminal, report.findings, summary));
    return isUnchanged ? EXIT_CODES.done : EXIT_CODES.wrong;
  }
  const findings = report.findings.filter(({ kind }) => kind !== 'not-recorded');
  const isRefused = findings.length > 0 && acceptBreaking !== true;
  const written = !isRefused && writeDocument(document, output, options);
  const summary = isRefused
    ? `${output} was not changed.`
    : `${output} ${written ? 'describes' : 'already describes'} ${count(report.types, 'type')}.`;
  terminal.result({ ...report, findings, written }, () => reportLines(terminal, findings, summary));
  return isRefused ? EXIT_CODES.wrong : EXIT_CODES.done;
}

function reportLines(terminal: Terminal, findings: readonly SchemaFinding[], summary: string): string[] {
  if (findings.length === 0) return [terminal.style('green', summary)];
  const verdict = [`${count(findings.length, 'finding')}.`, summary].filter((each) => each !== '').join(' ');
  return [...findingLines(findings), terminal.style('red', verdict), ...schemaAdvice(findings)];
}

/** Returns whether the file has changed. */
function writeDocument(document: AsyncApiDocument, file: string, { format }: AsyncApiCommandOptions): boolean {
  const text = textOf(document, format ?? (/\.ya?ml$/i.test(file) ? 'yaml' : 'json'));
  const isNew = readIfExists(file) !== text;
  if (isNew) replaceFile(file, text);
  return isNew;
}

const typesIn = ({ channels }: AsyncApiDocument): number =>
  Object.values(channels).reduce((types, { messages }) => types + Object.keys(messages).length, 0);

/**
 * Without anchors, which few readers of AsyncAPI expect, and without folded lines. Texts such as `no` and `2026-01-01`
 * are quoted, because parsers of YAML 1.1 read them as a boolean and a date.
 */
const YAML_STYLE = { aliasDuplicateObjects: false, lineWidth: 0, compat: 'yaml-1.1' } as const;

const textOf = (document: AsyncApiDocument, format: Format): string =>
  format === 'json' ? printAsyncApi(document) : stringify(document, YAML_STYLE);

function readDocument(file: string): AsyncApiDocument {
  const text = readIfExists(file);
  if (text === undefined) {
    throw new SessionError(
      `schema asyncapi: there is no ${file}. Write it with outbox schema asyncapi --output ${file}.`,
    );
  }
  return parseAsyncApi(contentOf(text, file), file);
}

function contentOf(text: string, file: string): unknown {
  try {
    // JSON is YAML too, but its own parser is faster and stricter.
    return text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text, { maxAliasCount: 100 });
  } catch (cause) {
    throw new SessionError(`schema asyncapi: ${file} is neither JSON nor YAML. ${messageOf(cause)}`, { cause });
  }
}

async function topicsOf(
  catalogue: EventCatalogue,
  options: AsyncApiCommandOptions,
  terminal: Terminal,
): Promise<Readonly<Record<string, AsyncApiTopic>>> {
  const names = new Set(Object.keys(catalogue.definitions).map((type) => catalogue.definitionOf(type).topic));
  const kafka = await kafkaOf('schema asyncapi', () => openSession(options), options);
  const { topics, missing: unknown } = await withTopics(kafka, (admin) => readTopics(admin, [...names]));
  for (const topic of unknown) terminal.note(`Topic ${topic} does not exist: the document has only its name.`);
  return topics;
}
