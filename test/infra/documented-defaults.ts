import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import ts from 'typescript';

const FOLDER = join(__dirname, '../../lib/infra');

/**
 * `@default` tag of each option of an interface in lib/infra, or `undefined` for an option that must be given. The
 * options of extended interfaces are included, unless they are in the same file.
 */
export function documentedDefaults(file: string, name: string): Map<string, string | undefined> {
  const path = join(FOLDER, file);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const props = source.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  );
  const extended = (props!.heritageClauses ?? []).flatMap(({ types }) => types.map((type) => type.getText()));
  return new Map([
    ...extended.flatMap((base) => {
      const from = importedFrom(base, file, source);
      return from === undefined ? [] : [...documentedDefaults(from, base)];
    }),
    ...props!.members.map((member): [string, string | undefined] => {
      const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
      return [member.name!.getText(), tag && ts.getTextOfJSDocComment(tag.comment)];
    }),
  ]);
}

/** The file that declares the interface `name`, if `file` imports it. */
function importedFrom(name: string, file: string, { text }: ts.SourceFile): string | undefined {
  const [, from] = new RegExp(`import [^;]*\\b${name}\\b[^;]* from '([^']+)';`).exec(text) ?? [];
  return from === undefined ? undefined : join(dirname(file), `${from}.ts`);
}

/** Values of the CDK expressions after `@default`. */
const VALUES: Readonly<Record<string, unknown>> = {
  'Duration.days(1)': Duration.days(1),
  'Duration.days(30)': Duration.days(30),
  'Duration.minutes(1)': Duration.minutes(1),
  'Duration.seconds(4)': Duration.seconds(4),
  'Duration.hours(1)': Duration.hours(1),
  'Duration.hours(12)': Duration.hours(12),
  'Duration.seconds(30)': Duration.seconds(30),
  'Duration.seconds(90)': Duration.seconds(90),
  'RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE': RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  'RetentionDays.ONE_MONTH': RetentionDays.ONE_MONTH,
  'StartingPosition.TRIM_HORIZON': StartingPosition.TRIM_HORIZON,
  'Size.gibibytes(100)': Size.gibibytes(100),
};

function valueOf(text: string): unknown {
  if (text in VALUES) return VALUES[text];
  return JSON.parse(text.replaceAll("'", '"').replaceAll(/(\d)_(\d)/g, '$1$2')) as unknown;
}

const comparable = (value: unknown): unknown => {
  if (value instanceof Duration) return value.toMilliseconds();
  return value instanceof Size ? value.toGibibytes() : value;
};

/** Every option of an interface whose default is a value. A tag that begins with `-` describes another default. */
export const documentedValues = (file: string, name: string): Record<string, unknown> =>
  Object.fromEntries(
    [...documentedDefaults(file, name)].flatMap(([option, text]) =>
      text === undefined || text.startsWith('- ') ? [] : [[option, comparable(valueOf(text))]],
    ),
  );

export const comparableValues = (defaults: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(defaults).map(([option, value]) => [option, comparable(value)]));
