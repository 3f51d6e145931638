import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGES } from './documented-commands';

const ROOT = join(__dirname, '../../..');
const FOLDERS = ['bench', 'bin', 'docs', 'examples', 'lambdas', 'lib', 'local', 'scripts', 'test'];

const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
).filter((file) => !file.includes('node_modules'));

/** Files that a reader has or makes. */
const OF_THE_READER =
  /^(?:\.\/)?(?:dist|\.outbox|cdk\.out)\/|^(?:item|base|records|stack|package|outbox-schemas|cdk|item\.schema)\.json$/;

/** `lib/{a,b}.ts` as two paths. */
const expanded = (path: string): string[] => {
  const [, before = '', choices, after = ''] = /^(.*)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  return choices === undefined ? [path] : choices.split(',').map((choice) => `${before}${choice}${after}`);
};

const isThere = (path: string): boolean =>
  existsSync(join(ROOT, path)) || files.some((file) => file.endsWith(`/${path.replace(/\/$/, '')}`));

const pathsIn = (page: string): string[] =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/`([\w@./{},-]+)`/g)]
    .map(([, code = '']) => code)
    .filter((code) => /\.(?:m?ts|mjs|json|yaml)$/.test(code) || FOLDERS.some((folder) => code.startsWith(`${folder}/`)))
    .filter((code) => !OF_THE_READER.test(code))
    .flatMap(expanded);

test.each(PAGES)('every file and folder that %s names exists', (page) => {
  expect(pathsIn(page).filter((path) => !isThere(path))).toEqual([]);
});
