import { spawnSync } from 'node:child_process';
import { isBuiltin } from 'node:module';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PACKAGE_ROOT = join(__dirname, '../../..');
const SCRIPT = pathToFileURL(join(PACKAGE_ROOT, 'scripts/bundle.mjs')).href;

let work: string;
let from: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'outbox-'));
  from = join(work, 'lambdas');
  mkdirSync(from);
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

function lambda(name: string, source: string): void {
  mkdirSync(join(from, name));
  writeFileSync(join(from, name, 'index.ts'), source);
}

function bundle(to: string, lambdas = from): { status: number | null; stdout: string; stderr: string } {
  const call = `console.log(JSON.stringify(await bundleLambdas(${JSON.stringify({ from: lambdas, to })})))`;
  return spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import { bundleLambdas } from '${SCRIPT}'; ${call}`],
    { encoding: 'utf8' },
  );
}

const KAFKAJS = JSON.stringify(join(PACKAGE_ROOT, 'node_modules/kafkajs'));

test('each directory with an index.ts becomes one that runs without node_modules', () => {
  lambda('relay', `import { Kafka } from ${KAFKAJS}; export const handler = (): string => typeof Kafka;`);
  mkdirSync(join(from, 'notes'));
  const { stdout, stderr } = bundle(join(work, 'out'));
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject([{ name: 'relay', directory: join(work, 'out/relay') }]);

  const run = spawnSync(process.execPath, ['-p', `require('./index.js').handler()`], {
    cwd: join(work, 'out/relay'),
    encoding: 'utf8',
  });
  expect(run.stdout).toBe('function\n');
});

test('the same sources give the same files, whatever esbuild reports with them', () => {
  lambda('relay', `import { Kafka } from ${KAFKAJS}; export const handler = (): string => typeof Kafka;`);
  bundle(join(work, 'first'));
  bundle(join(work, 'second'));
  const files = (to: string) =>
    readdirSync(join(work, to, 'relay')).map((file) => [file, readFileSync(join(work, to, 'relay', file), 'utf8')]);
  expect(files('first').map(([file]) => file)).toEqual(['NOTICE.txt', 'index.js']);
  expect(files('first')).toEqual(files('second'));
  expect(readdirSync(join(work, 'first-meta'))).toEqual(['relay.json']);
});

test('the bundle contains the licences of its packages', () => {
  lambda('relay', `import { Kafka } from ${KAFKAJS}; export const handler = (): string => typeof Kafka;`);
  bundle(join(work, 'out'));
  expect(readFileSync(join(work, 'out/relay/NOTICE.txt'), 'utf8')).toMatch(
    /^This bundle contains kafkajs 2\.2\.4:[^]*MIT License/,
  );
});

test('a bundle made before is replaced as a whole', () => {
  mkdirSync(join(work, 'out/relay'), { recursive: true });
  writeFileSync(join(work, 'out/relay/left-over.js'), '');
  lambda('relay', 'export const handler = (): void => undefined;');
  bundle(join(work, 'out'));
  expect(readdirSync(join(work, 'out'))).toEqual(['relay']);
  expect(readdirSync(join(work, 'out/relay'))).toEqual(['NOTICE.txt', 'index.js']);
});

test('nothing to bundle is an error', () => {
  const { status, stderr } = bundle(join(work, 'out'));
  expect(status).not.toBe(0);
  expect(stderr).toContain(`Nothing to bundle: no "<name>/index.ts" in ${from}.`);
});

test('the command line is a file that can be executed, as npx does in a clone', () => {
  const call = `await bundleCli(${JSON.stringify({ to: join(work, 'bin') })})`;
  const { status } = spawnSync(process.execPath, [
    '--input-type=module',
    '-e',
    `import { bundleCli } from '${SCRIPT}'; ${call}`,
  ]);
  expect(status).toBe(0);
  expect(statSync(join(work, 'bin/outbox/index.js')).mode & 0o111).toBe(0o111);
});

describe('the functions that deploy', () => {
  let built: string;
  beforeAll(() => {
    built = mkdtempSync(join(tmpdir(), 'outbox-'));
    expect(bundle(join(built, 'out'), join(PACKAGE_ROOT, 'lambdas')).stderr).toBe('');
  });
  afterAll(() => rmSync(built, { recursive: true, force: true }));

  /** The parts of esbuild's report that the tests read. */
  interface Metafile {
    readonly inputs: Readonly<
      Record<string, { readonly imports: readonly { readonly path: string; readonly external?: boolean }[] }>
    >;
    readonly outputs: Readonly<
      Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
    >;
  }
  const metafileOf = (name: string): Metafile =>
    JSON.parse(readFileSync(join(built, 'out-meta', `${name}.json`), 'utf8')) as Metafile;

  test('a function imports nothing that Lambda lacks but the package of the SDK that only browsers need', () => {
    const functions = readdirSync(join(built, 'out'));
    expect(functions).toContain('relay');
    for (const name of functions) {
      const missing = Object.entries(metafileOf(name).inputs).flatMap(([importer, { imports }]) =>
        imports
          .filter(({ external = false, path }) => external && !isBuiltin(path))
          .map(({ path }) => ({ importer, path })),
      );
      const isOfBrowsers = ({ importer, path }: { importer: string; path: string }): boolean =>
        path === 'bowser' && importer.includes('/util-user-agent-browser/');
      expect(missing.filter((each) => !isOfBrowsers(each))).toEqual([]);
    }
  });

  test('a relay contains one Kafka client, and of @platformatic/kafka only what it uses', () => {
    const clients = /^(kafkajs|@platformatic\/.*|ajv.*|avsc|protobufjs)$/;
    const packagesOf = (name: string) => {
      const inputs = Object.entries(metafileOf(name).outputs['index.js']?.inputs ?? {}).filter(
        ([, input]) => input.bytesInOutput > 0,
      );
      const packages = inputs.map(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? '');
      return [...new Set(packages)].filter((each) => clients.test(each)).sort();
    };
    expect(packagesOf('relay')).toEqual(['kafkajs']);
    expect(packagesOf('relay-platformatic')).toEqual(['@platformatic/dynamic-buffer', '@platformatic/kafka']);
    expect(readFileSync(join(built, 'out/relay-platformatic/NOTICE.txt'), 'utf8')).toMatch(
      /^This bundle contains [^\n]*@platformatic\/kafka 2\.12\.1:\n\n[^]*Apache License/m,
    );
  });
});
