import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TSC } from './typescript.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const USAGE = `Usage: node scripts/build.mjs [--force] [lib] [bundles]

Builds the parts of dist whose sources have changed since they were built; without a name, both.
`;

const run = (script, ...args) => execFileSync(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'inherit' });

/** The parts of `dist`. `sources` contain every file that can change the output, and `package-lock.json` the packages. */
const PARTS = {
  lib: {
    sources: ['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
    outputs: ['dist/lib'],
    build() {
      run(TSC, '--project', 'tsconfig.build.json');
      copyFileSync(join(ROOT, 'lib/event/item.schema.json'), join(ROOT, 'dist/lib/event/item.schema.json'));
    },
  },
  bundles: {
    sources: [
      'bin',
      'conformance',
      'examples',
      'lambdas',
      'lib',
      'local',
      'scripts',
      'tsconfig.json',
      'package-lock.json',
    ],
    outputs: ['dist/bin', 'dist/lambdas'],
    build: () => run('scripts/bundle.mjs'),
  },
};

function main() {
  const names = process.argv.slice(2).filter((argument) => argument !== '--force');
  const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined) {
    process.stderr.write(`"${unknown}" is no part of dist.\n\n${USAGE}`);
    process.exitCode = 1;
    return;
  }
  for (const name of names.length === 0 ? Object.keys(PARTS) : names) {
    build(name, PARTS[name], process.argv.includes('--force'));
  }
}

function build(name, { sources, outputs, build: make }, force) {
  // In dist, so that removing dist removes the hash too. The package does not include it.
  const record = join(ROOT, 'dist', `${name}.sha256`);
  const hash = hashOf(sources);
  const isCurrent = existsSync(record) && readFileSync(record, 'utf8') === hash;
  if (!force && isCurrent && outputs.every((output) => existsSync(join(ROOT, output)))) {
    console.error(`${outputs.join(', ')}: up to date`);
    return;
  }
  rmSync(record, { force: true });
  // A file whose source was deleted must not stay.
  for (const output of outputs) rmSync(join(ROOT, output), { recursive: true, force: true });
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  make();
  writeFileSync(record, hash);
}

/** A hash of contents, not of times: a checkout changes the times of files that stay the same. */
function hashOf(sources) {
  const hash = createHash('sha256');
  const add = (path) =>
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0');
  for (const source of sources) {
    if (/\.json$/.test(source)) add(source);
    else
      readdirSync(join(ROOT, source), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
        .sort()
        .forEach(add);
  }
  return hash.digest('hex');
}

main();
