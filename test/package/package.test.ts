import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { encodeRelayConfig, RELAY_DEFAULTS } from '../../lib/relay/environment';
import { providePackages } from '../builders/provided-packages';
import { testedVersions } from '../builders/support-page';
import { blocksOf } from '../unit/docs/documented-commands';

const ROOT = join(__dirname, '../..');
const FIXTURE = join(__dirname, 'fixture');
const MINUTES_MS = 60_000;

let folder = '';
let service = '';

const run = (command: string, args: readonly string[], cwd = service): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const read = (file: string): string => readFileSync(installed('dynamodb-outbox', file), 'utf8');
const node = (...args: string[]): string => run(process.execPath, args);
const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const installed = (...path: string[]): string => join(service, 'node_modules', ...path);

const provide = (...names: string[]): void => providePackages(service, ...names);

/** The variables that the construct sets, for servers that do not run. */
const RELAY_ENVIRONMENT = {
  ...encodeRelayConfig({
    ...RELAY_DEFAULTS,
    tableName: 'outbox',
    outboxName: 'Orders',
    brokers: ['127.0.0.1:1'],
    auth: { kind: 'none' },
  }),
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'a',
  AWS_SECRET_ACCESS_KEY: 'b',
  AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1',
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-package-'));
  // Skips scripts: `npm test` has just built the package.
  const packed = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT)) as {
    filename: string;
  }[];
  service = join(folder, 'service');
  mkdirSync(service);
  writeFileSync(join(service, 'package.json'), '{ "name": "service", "version": "1.0.0", "private": true }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(folder, packed[0]?.filename ?? '')]);
}, MINUTES_MS);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('installing the package adds one package', () => {
  expect(readdirSync(installed()).filter((name) => !name.startsWith('.'))).toEqual(['dynamodb-outbox']);
});

it('the package holds the library, what is bundled, its papers and the examples that they link, and nothing else', () => {
  const top = new Set(
    readdirSync(installed('dynamodb-outbox'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        relative(installed('dynamodb-outbox'), join(entry.parentPath, entry.name))
          .split('/')
          .slice(0, /\.(md|svg)$/.test(entry.name) ? 1 : 2)
          .join('/'),
      ),
  );

  expect([...top].toSorted()).toEqual([
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'SUPPORT.md',
    'conformance/vectors.json',
    'dist/bin',
    'dist/lambdas',
    'dist/lib',
    'docs',
    'docs/proof',
    'examples',
    'examples/console.png',
    'examples/order-service',
    'examples/writers',
    'package.json',
  ]);
});

it('each relative link of a published page leads to a published file', () => {
  const root = installed('dynamodb-outbox');
  const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
  const dead = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(page), link)))
      // The map leads to the sources of the entries; the package has their declarations.
      .filter((link) => !(page === 'docs/README.md' && /^\.\.\/lib\/\w+\.ts$/.test(link)))
      .map((link) => `${page}: ${link}`),
  );

  expect(pages.length).toBeGreaterThan(100);
  expect(dead).toEqual([]);
});

it('the command line runs without any other package', () => {
  const version = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
  expect(run(installed('.bin', 'outbox'), ['--version'])).toBe(`${version}\n`);
  expect(existsSync(installed('dynamodb-outbox/dist/bin/outbox/NOTICE.txt'))).toBe(true);
});

it('the write helper loads with require and with import, and loads nothing but its own code', () => {
  const script = `
    const { createOutbox, defineEvents } = require('dynamodb-outbox');
    const foreign = Object.keys(require.cache).filter((file) => !file.includes('/node_modules/dynamodb-outbox/dist/lib/'));
    console.log(JSON.stringify({ foreign, kinds: [typeof createOutbox, typeof defineEvents] }));`;
  const mainFile = join(service, 'check.cjs');
  writeFileSync(mainFile, script);

  expect(JSON.parse(node(mainFile))).toEqual({ foreign: [mainFile], kinds: ['function', 'function'] });
  expect(
    node(
      '--input-type=module',
      '-e',
      `import { createOutbox } from 'dynamodb-outbox'; console.log(typeof createOutbox);`,
    ).trim(),
  ).toBe('function');
});

it('a service writes with it, in plain JavaScript and without the AWS SDK', () => {
  const script = `
    const { createOutbox, defineEvents } = require('dynamodb-outbox');
    const schema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
    const events = defineEvents({ 'order.placed': { schema, topic: 'orders' } });
    const outbox = createOutbox({ tableName: 'outbox', service: 'shop', region: 'eu-central-1', events });
    outbox.items({ aggregate: 'order', key: '42', version: 1 }, [{ type: 'order.placed', data: { total: 5 } }])
      .then(([entry]) => console.log(JSON.stringify(entry.Put.Item)));`;

  expect(JSON.parse(node('-e', script))).toMatchObject({
    pk: 'order#42',
    sk: '0000000000000001',
    source: '/shop/order',
  });
});

it('the consumer loads nothing but its own code and kafkajs', () => {
  provide('kafkajs');
  const script = `
    const consumer = require('dynamodb-outbox/consumer');
    const packages = Object.keys(require.cache).map((file) => /\\/node_modules\\/((@[^/]+\\/)?[^/]+)\\//.exec(file)?.[1]);
    console.log(JSON.stringify({ packages: [...new Set(packages)].filter(Boolean).toSorted(), kind: typeof consumer.createConsumer }));`;
  const mainFile = join(service, 'consumer.cjs');
  writeFileSync(mainFile, script);

  expect(JSON.parse(node(mainFile))).toEqual({ packages: ['dynamodb-outbox', 'kafkajs'], kind: 'function' });
});

it('the channels load nothing but their own code, and traces of them only the API of OpenTelemetry', () => {
  provide('@opentelemetry/api');
  const script = (entry: string) => `
    const entry = require('${entry}');
    const packages = Object.keys(require.cache).map((file) => /\\/node_modules\\/((@[^/]+\\/)?[^/]+)\\//.exec(file)?.[1]);
    console.log(JSON.stringify({ packages: [...new Set(packages)].filter(Boolean).toSorted(), names: Object.keys(entry).toSorted() }));`;
  const loaded = (entry: string): unknown => {
    const mainFile = join(service, 'loads.cjs');
    writeFileSync(mainFile, script(entry));
    return JSON.parse(node(mainFile));
  };

  expect(loaded('dynamodb-outbox/channels')).toEqual({
    packages: ['dynamodb-outbox'],
    names: ['CHANNELS', 'consumerChannel', 'processChannel', 'relayChannel', 'sendChannel', 'writeChannel'],
  });
  expect(loaded('dynamodb-outbox/otel')).toEqual({
    packages: ['@opentelemetry/api', 'dynamodb-outbox'],
    names: ['traceOutbox'],
  });
});

it.each(['relay', 'relay-platformatic'])(
  'a file that is loaded before the bundled %s gets its reports',
  (relay) => {
    provide('@opentelemetry/api');
    const hook = join(service, 'hook.cjs');
    writeFileSync(
      hook,
      `const { relayChannel } = require('dynamodb-outbox/channels');
       relayChannel.subscribe(({ outbox, report, message }) => console.error(JSON.stringify({ outbox, report, message })));`,
    );
    const main = join(service, 'invoke.cjs');
    // DynamoDB refuses the connection, so the relay reports an outage and asks for the record again.
    writeFileSync(
      main,
      `const { handler } = require(${JSON.stringify(installed(`dynamodb-outbox/dist/lambdas/${relay}/index.js`))});
       handler({ Records: [{ dynamodb: { SequenceNumber: '7' } }] }, { getRemainingTimeInMillis: () => 60_000 })
         .then((answer) => { console.error(JSON.stringify({ answer })); process.exit(); });`,
    );
    const { stderr } = spawnSync(process.execPath, ['--require', hook, main], {
      cwd: service,
      encoding: 'utf8',
      timeout: MINUTES_MS,
      env: { ...process.env, ...RELAY_ENVIRONMENT },
    });
    const lines = stderr.split('\n').filter((line) => line.startsWith('{"outbox"') || line.startsWith('{"answer"'));

    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      { outbox: 'Orders', report: 'received' },
      { outbox: 'Orders', report: 'outage', message: 'The control partition could not be read.' },
      { outbox: 'Orders', report: 'finished' },
      { answer: { batchItemFailures: [{ itemIdentifier: '7' }] } },
    ]);
  },
  MINUTES_MS,
);

/** A service that imports every entry point, uses each part of the writer and the consumer, and has the README's examples. */
function writeTypedService(): string {
  const typed = join(folder, 'typed');
  // A project of its own, because the other tests provide single packages of these folders.
  providePackages(
    typed,
    ...['zod', 'kafkajs', '@opentelemetry/api', '@types/node', 'undici-types', 'constructs', 'aws-cdk-lib', '@aws-cdk'],
    ...['@aws', '@aws-sdk', '@smithy', 'aws-msk-iam-sasl-signer-js'],
    ...['typescript', 'typescript-5.6', 'typescript-native'],
  );
  symlinkSync(installed('dynamodb-outbox'), join(typed, 'node_modules', 'dynamodb-outbox'));
  const source = `
  import { createOutbox, defineEvents, OutboxError } from 'dynamodb-outbox';
  import { createConsumer, runConsumer } from 'dynamodb-outbox/consumer';
  import { createTestOutbox, eventFactory } from 'dynamodb-outbox/testing';
  import { relayChannel, writeChannel, type WriteMessage } from 'dynamodb-outbox/channels';
  import { traceOutbox } from 'dynamodb-outbox/otel';
  import type { Outbox, OutboxConsumerProps } from 'dynamodb-outbox/cdk';
  import { Kafka } from 'kafkajs';
  import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
  import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
  import { z } from 'zod';
  const events = defineEvents({ 'order.placed': { schema: z.object({ total: z.number() }), topic: 'orders' } });
  const outbox = createOutbox({ tableName: 'outbox', service: 'shop', events });
  export const shipping = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client: DynamoDBDocument.from(new DynamoDBClient({})),
    events,
    handlers: { 'order.placed': ({ data }) => [{ Put: { TableName: 'shipments', Item: { total: data.total } } }] },
  });
  export const run = () => runConsumer({ consumer: shipping, kafka: new Kafka({ brokers: ['b:9092'] }), topics: ['orders'] });
  export const stop: () => void = traceOutbox({ createSpans: false });
  export const observe = (): void => {
    relayChannel.subscribe((fact) => console.log(fact.report === 'parked' ? fact.reason : fact.outbox));
    // @ts-expect-error a report that does not exist does not compile
    relayChannel.subscribe((fact) => console.log(fact.report === 'lost'));
    writeChannel.start.subscribe((message) => console.log((message as WriteMessage).tableName));
  };
  export const watched = (outbox: Outbox): OutboxConsumerProps['monitoring'] => ({ outbox: outbox.monitoring });
  export async function check(): Promise<void> {
    const kit = createTestOutbox({ events, tables: { orders: { id: 'S' } } });
    await kit.deliver(shipping, { faults: 1 });
    kit.expectPublished([{ type: 'order.placed', key: '42', data: { total: 5 } }]);
    // @ts-expect-error a wrong payload does not compile
    kit.expectPublished([{ type: 'order.placed', key: '42', data: { total: '5' } }]);
    // @ts-expect-error a wrong payload does not compile
    await eventFactory(events)('order.placed', { key: '42', data: { total: '5' } });
  }
  export async function place(): Promise<void> {
    const client = DynamoDBDocument.from(new DynamoDBClient({}));
    try {
      await outbox.transact(client, {
        actions: [{ Put: { TableName: 'orders', Item: { id: '42' } } }],
        changes: [{ aggregate: 'order', key: '42', version: 1, events: [{ type: 'order.placed', data: { total: 5 } }] }],
      });
    } catch (error) {
      if (error instanceof OutboxError && error.is('version-conflict')) console.log(error.details.version);
    }
    // @ts-expect-error a wrong type name does not compile
    await outbox.items({ aggregate: 'order', key: '42' }, [{ type: 'order.plaсed', data: { total: 5 } }]);
    // @ts-expect-error a wrong payload does not compile
    await outbox.items({ aggregate: 'order', key: '42' }, [{ type: 'order.placed', data: { total: '5' } }]);
  }`;
  const entries = Object.keys(
    (JSON.parse(read('package.json')) as { readonly exports: Readonly<Record<string, unknown>> }).exports,
  ).filter((entry) => !entry.endsWith('.json'));
  const imports = entries.map((entry, at) => `export * as e${at} from '${entry.replace(/^\./, 'dynamodb-outbox')}';\n`);
  mkdirSync(join(typed, 'readme'), { recursive: true });
  writeFileSync(join(typed, 'place.cts'), source);
  writeFileSync(join(typed, 'place.mts'), source);
  writeFileSync(join(typed, 'entries.mts'), imports.join(''));
  writeFileSync(join(typed, 'readme', 'package.json'), '{ "type": "module" }');
  const examples = blocksOf('README.md').flatMap(({ text }) => {
    const [, name] = /^\/\/ ([\w-]+\.ts)\n/.exec(text) ?? [];
    return name === undefined ? [] : [{ name: `readme/${name}`, text }];
  });
  for (const { name, text } of examples) writeFileSync(join(typed, name), text);
  writeFileSync(
    join(typed, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        module: 'node16',
        target: 'es2022',
        noEmit: true,
        types: ['node'],
        preserveSymlinks: true,
        // Its index names the constructs of every service of AWS, of which the package uses ten.
        paths: { 'aws-cdk-lib': ['./node_modules/aws-cdk-lib/core/index.d.ts'] },
      },
      files: ['place.cts', 'place.mts', 'entries.mts', ...examples.map(({ name }) => name)],
    }),
  );
  return typed;
}

/** Checks the service and every declaration of the package; of other packages, only the types that these use. */
const CHECK_TYPES = `
  const ts = require(process.argv[2]);
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const program = ts.createProgram(fileNames, options);
  const ours = program.getSourceFiles().filter(({ fileName }) => !/node_modules.(?!dynamodb-outbox.)/.test(fileName));
  const problems = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...ours.flatMap((file) => program.getSemanticDiagnostics(file)),
  ];
  const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: ts.sys.getCurrentDirectory, getNewLine: () => '\\n' };
  const declarations = ours.filter(({ fileName }) => fileName.endsWith('.d.ts')).length;
  console.log(JSON.stringify({ version: ts.versionMajorMinor, declarations, problems: ts.formatDiagnostics(problems, host) }));`;

describe('its types check in a strict service, as CommonJS and as ES modules', () => {
  let typed = '';

  beforeAll(() => {
    typed = writeTypedService();
  });

  it.each(['typescript-5.6', 'typescript'])(
    'with %s',
    (compiler) => {
      const script = join(typed, 'check-types.cjs');
      writeFileSync(script, CHECK_TYPES);
      const { version, declarations, problems } = JSON.parse(run(process.execPath, [script, compiler], typed)) as {
        readonly version: string;
        readonly declarations: number;
        readonly problems: string;
      };

      expect(problems).toBe('');
      expect(declarations).toBeGreaterThan(100);
      expect(testedVersions('TypeScript')).toContain(version);
    },
    MINUTES_MS,
  );

  // Only this one is fast enough to check the declarations of all other packages too, which do not know
  // `exactOptionalPropertyTypes`.
  it(
    'with typescript-native, and those of the packages that it uses',
    () => {
      const tsc = join(typed, 'node_modules/typescript-native/bin/tsc');
      const options = ['--skipLibCheck', 'false', '--exactOptionalPropertyTypes', 'false'];
      expect(run(process.execPath, [tsc, '--project', 'tsconfig.json', ...options], typed)).toBe('');
      expect(testedVersions('TypeScript')).toContain(/\d+\.\d+/.exec(node(tsc, '--version'))?.[0]);
    },
    MINUTES_MS,
  );
});

describe.each([
  ['jest', ['node_modules/jest/bin/jest.js', '--rootDir', '.']],
  ['vitest', [join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs'), 'run', '--globals']],
])('the test kit under %s', (_, runner) => {
  beforeAll(() => {
    provide(
      ...['jest', '@swc/jest', '@swc/core', 'vitest', 'zod', 'kafkajs'],
      ...['@aws-sdk/client-dynamodb', '@aws-sdk/lib-dynamodb', '@aws-sdk/util-dynamodb'],
    );
    for (const name of ['shop', 'difference']) {
      copyFileSync(join(FIXTURE, `${name}.ts`), join(service, `${name}.test.ts`));
    }
    writeFileSync(
      join(service, 'jest.config.js'),
      `module.exports = { transform: { '\\\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' } } }] } };`,
    );
  });

  it(
    'runs a service and its consumer',
    () => {
      expect(() => node(...runner, 'shop.test.ts')).not.toThrow();
    },
    MINUTES_MS,
  );

  it(
    'fails with the difference',
    () => {
      const output = failureOf(() => node(...runner, 'difference.test.ts'));
      expect(output).toContain('order counts within a topic and key');
      expect(output).toMatch(/total"?: 5/);
      expect(output).toMatch(/total"?: 6/);
    },
    MINUTES_MS,
  );
});

/** The output of a command before its failure. */
function failureOf(command: () => string): string {
  try {
    return `It did not fail: ${command()}`;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stripVTControlCharacters(stdout + stderr);
  }
}

it('the JSON Schema of the item is part of it', () => {
  const schema = JSON.parse(node('-p', `JSON.stringify(require('dynamodb-outbox/item.schema.json'))`)) as Record<
    string,
    unknown
  >;

  expect(schema['$schema']).toContain('2020-12');
});

it.each([
  ['kafkajs', 'relay'],
  ['platformatic', 'relay-platformatic'],
])(
  'the construct ships the bundled functions, with the publisher %s',
  (publisher, relay) => {
    provide('aws-cdk-lib', 'constructs');
    const folder = `cdk.${publisher}`;
    const script = `
    const { App, Stack } = require('aws-cdk-lib');
    const { Outbox, KafkaAuthentication } = require('dynamodb-outbox/cdk');
    const app = new App({ outdir: '${folder}' });
    const stack = new Stack(app, 'Shop');
    new Outbox(stack, 'Outbox', {
      topics: ['orders'],
      bootstrapBrokers: 'broker:9092',
      authentication: KafkaAuthentication.none(),
      publisher: '${publisher}',
    });
    app.synth();`;
    node('-e', script);
    const files = readdirSync(join(service, folder), { recursive: true, encoding: 'utf8' });
    const assets = files
      .filter((file) => /^asset\.[0-9a-f]+\/index\.js$/.test(file))
      .map((file) => hashOf(join(service, folder, file)));
    const bundles = [relay, 'sweeper'].map((name) =>
      hashOf(installed(`dynamodb-outbox/dist/lambdas/${name}/index.js`)),
    );

    expect(assets.toSorted()).toEqual(bundles.toSorted());
  },
  MINUTES_MS,
);

it(
  'the CDK app of the README synthesizes',
  () => {
    provide('aws-cdk-lib', 'constructs');
    const example = blocksOf('README.md').find(({ text }) => text.startsWith('// app.ts\n'));
    writeFileSync(join(service, 'app.ts'), example?.text ?? '');
    node('-e', `process.env.CDK_OUTDIR = 'cdk.readme'; import('./app.ts');`);
    const template = JSON.parse(readFileSync(join(service, 'cdk.readme', 'Shop.template.json'), 'utf8')) as {
      Resources: Record<string, { Type: string }>;
    };
    const types = Object.values(template.Resources).map(({ Type }) => Type);
    expect(types).toEqual(expect.arrayContaining(['AWS::MSK::ServerlessCluster', 'AWS::Lambda::EventSourceMapping']));
  },
  MINUTES_MS,
);
