import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { blocksOf, markdownIn, type Block } from './documented-commands';

const ROOT = join(__dirname, '../../..');

/** The files in `surroundings/` with the values that a page's text introduces. An example of another page stands alone. */
const SURROUNDINGS: Readonly<Record<string, readonly string[]>> = {
  'docs/consumer.md': ['service'],
  'docs/consumer-emit.md': ['service'],
  'docs/consumer-lambda.md': ['deployment', 'service'],
  'docs/cost.md': ['service'],
  'docs/deployment.md': ['deployment'],
  'docs/migrating.md': ['service'],
  'docs/opentelemetry.md': ['deployment'],
  'docs/testing.md': ['testing'],
  'examples/order-service/README.md': ['order-service'],
};

const examples = ['README.md', 'CONTRIBUTING.md', ...['docs', 'examples'].flatMap(markdownIn)]
  .flatMap(blocksOf)
  .filter(({ info }) => /^ts\b/.test(info));

/** Each example is a module next to its page. Its first line may name it for the other examples: `// events.ts`. */
const fileOf = ({ page, line, text }: Block): string =>
  join(ROOT, dirname(page), /^\/\/ (\S+\.ts)\n/.exec(text)?.[1] ?? `${page.replaceAll(/\W/g, '-')}-${line}.ts`);

const EXPORT = /^export (?:declare )?(?:const|function) (\w+)|^export \{ \w+ as (\w+) \}/gm;
const mentions = (text: string, name: string): boolean => new RegExp(`(?<![\\w']|\\w\\.)${name}\\b(?!:)`).test(text);
const declares = (text: string, name: string): boolean =>
  new RegExp(`\\b(?:const|class|function) (?:{[^}]*)?\\b${name}\\b|^import .*\\b${name}\\b.* from`, 'm').test(text);

/** The example, with imports of the values that it uses and does not declare. */
function moduleOf({ page, text }: Block): string {
  const imported = new Set<string>();
  const imports = (SURROUNDINGS[page] ?? []).flatMap((surroundings) => {
    const file = join(__dirname, 'surroundings', surroundings);
    const names = [...readFileSync(`${file}.ts`, 'utf8').matchAll(EXPORT)]
      .map(([, declared, renamed]) => declared ?? renamed ?? '')
      .filter((name) => mentions(text, name) && !declares(text, name) && !imported.has(name));
    for (const name of names) imported.add(name);
    return names.map((name) => `import { ${name} } from '${file}';`);
  });
  return [text, ...imports, 'export {};'].join('\n');
}

function errorsOf(modules: ReadonlyMap<string, string>): (file: string) => string[] {
  const { compilerOptions } = (ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile) as { config: object })
    .config as { compilerOptions: object };
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...compilerOptions,
      module: 'esnext',
      moduleResolution: 'bundler',
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    ROOT,
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => modules.has(path) || fileExists(path);
  host.readFile = (path) => modules.get(path) ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = modules.get(path);
    return text === undefined ? getSourceFile(path, language, ...rest) : ts.createSourceFile(path, text, language);
  };
  const program = ts.createProgram([...modules.keys()], options, host);
  return (file) => {
    const source = program.getSourceFile(file);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };
}

const WRONG = join(ROOT, 'wrong.ts');
const wrong = `import { defineEvents } from 'dynamodb-outbox';\nexport const events = defineEvents({ 'order.placed': {} });`;

const errors = errorsOf(new Map([...examples.map((each) => [fileOf(each), moduleOf(each)] as const), [WRONG, wrong]]));

test.each(examples.map((example): [string, string] => [`${example.page}:${example.line}`, fileOf(example)]))(
  'the example at %s compiles',
  (_place, file) => {
    expect(errors(file)).toEqual([]);
  },
);

test('a mistake in an example is found', () => {
  expect(errors(WRONG)).toHaveLength(1);
});
