import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { usedPartsOfPlatformatic } from './platformatic.mjs';

const PACKAGE_ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Bundling options of every Lambda function. */
export const BUNDLE_OPTIONS = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // Prefer a package's ES modules: only they can be tree-shaken.
  mainFields: ['module', 'main'],
  plugins: [usedPartsOfPlatformatic],
  // Only the user agent of the AWS SDK in browsers imports it, when it is called.
  external: ['bowser'],
  minify: true,
  charset: 'utf8',
  // NOTICE.txt contains the full licences.
  legalComments: 'none',
  logLevel: 'warning',
};

/**
 * Bundles each `<from>/<name>/index.ts` into a directory that Lambda runs without further steps.
 *
 * `<to>/<name>` holds `index.js` (CommonJS, including the AWS SDK: the tested code is the deployed code) and
 * `NOTICE.txt`, the licences of all bundled packages. The same sources always produce the same bytes, so that an
 * unchanged function keeps its asset hash. esbuild's metafile would change it, so it goes to `<to>-meta/<name>.json`.
 *
 * @param {{ from?: string, to?: string }} [options] Default: `lambdas` and `dist/lambdas` of this package.
 * @returns {Promise<{ name: string, directory: string, bytes: number, gzipBytes: number }[]>} Sorted by name.
 */
export async function bundleLambdas({
  from = join(PACKAGE_ROOT, 'lambdas'),
  to = join(PACKAGE_ROOT, 'dist', 'lambdas'),
} = {}) {
  const entries = await readdir(from, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(from, entry.name, 'index.ts')))
    .map((entry) => entry.name)
    .sort();
  if (names.length === 0) {
    throw new Error(
      `Nothing to bundle: no "<name>/index.ts" in ${from}. Each Lambda function is a directory with one.`,
    );
  }
  return Promise.all(names.map((name) => bundle(name, join(from, name, 'index.ts'), to)));
}

/**
 * Bundles the operator's command line into `dist/bin/outbox`: it adds no dependency to a service that installs the
 * package for its write helper.
 */
export const bundleCli = ({ to = join(PACKAGE_ROOT, 'dist', 'bin') } = {}) =>
  // Unlike a function, the command runs on the operator's own Node.js.
  bundle('outbox', join(PACKAGE_ROOT, 'bin', 'outbox.ts'), to, { target: 'node22' }, true);

async function bundle(name, entryPoint, to, options = {}, executable = false) {
  const { outputFiles, metafile } = await build({
    ...BUNDLE_OPTIONS,
    ...options,
    entryPoints: [entryPoint],
    outfile: 'index.js',
    absWorkingDir: PACKAGE_ROOT,
    metafile: true,
    write: false,
  });
  const [{ contents }] = outputFiles;

  // Write to a temporary directory and rename it, so that a concurrent synthesis or run never sees half a bundle.
  const directory = join(to, name);
  const draft = join(to, `.${name}-${process.pid}-${Date.now()}`);
  await mkdir(draft, { recursive: true });
  await writeFile(join(draft, 'index.js'), contents);
  // In a clone, npx runs the file itself.
  if (executable) await chmod(join(draft, 'index.js'), 0o755);
  await writeFile(join(draft, 'NOTICE.txt'), await notice(Object.keys(metafile.inputs)));
  await rm(directory, { recursive: true, force: true });
  await rename(draft, directory);

  await mkdir(`${to}-meta`, { recursive: true });
  await writeFile(join(`${to}-meta`, `${name}.json`), JSON.stringify(metafile, null, 1));
  return { name, directory, bytes: contents.length, gzipBytes: gzipSync(contents).length };
}

/** The licence texts of every package in `inputs`; packages with the same text share one entry. */
async function notice(inputs) {
  const directories = new Set(inputs.map(packageDirectory).filter((directory) => directory !== undefined));
  const packagesByLicence = new Map();
  for (const directory of [...directories].sort()) {
    const { name, version, license } = JSON.parse(
      await readFile(join(PACKAGE_ROOT, directory, 'package.json'), 'utf8'),
    );
    const file = (await readdir(join(PACKAGE_ROOT, directory))).find((entry) => /^licen[cs]e/i.test(entry));
    const text =
      file === undefined ? `Licence: ${license}` : await readFile(join(PACKAGE_ROOT, directory, file), 'utf8');
    packagesByLicence.set(text, [...(packagesByLicence.get(text) ?? []), `${name} ${version}`]);
  }
  return [...packagesByLicence]
    .map(([text, packages]) => `This bundle contains ${packages.join(', ')}:\n\n${text.trim()}\n`)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

/** Returns `node_modules/@scope/name` of a file inside a package, at any depth. */
function packageDirectory(input) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input.split(sep).join('/'))?.[1];
}

async function main() {
  const kB = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;
  try {
    for (const { name, directory, bytes, gzipBytes } of [...(await bundleLambdas()), await bundleCli()]) {
      console.error(`${name}: ${relative(process.cwd(), directory)}, ${kB(bytes)} (${kB(gzipBytes)} compressed)`);
    }
  } catch (error) {
    // esbuild has already printed its own errors, with the place in the source.
    if (!Array.isArray(error?.errors)) throw error;
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
