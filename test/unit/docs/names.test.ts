import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGES } from './documented-commands';

const ROOT = join(__dirname, '../../..');
const FOLDERS = ['bin', 'examples', 'lambdas', 'lib', 'local', 'scripts', 'test/chaos'];

const words = new Set(
  FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:m?ts|json|cts|cjs)$/.test(file) && !file.includes('node_modules'))
      .flatMap((file) => readFileSync(join(ROOT, folder, file), 'utf8').match(/\w+/g) ?? []),
  ),
);

/** Names of AWS and other libraries, and of an example's variable. */
const NOT_OURS: ReadonlySet<string> = new Set([
  ...['AlterConfigs', 'ConnectionCount', 'ConnectionCreationRate', 'ExitError', 'OutOfMemory', 'ReplicationLatency'],
  ...['MilliSecondsBehindSource', 'MilliSecondsSinceLastEvent', 'TotalNumberOfCreateEventsSeen'],
  ...['NodeSDK', 'SimpleSpanProcessor', 'BatchSpanProcessor', 'PrometheusExporter'],
  ...['asyncStart', 'uncaughtException'],
  ...['UpdateTimeToLive', 'enforceSSL', 'grantWriteData', 'orderEvents', 'parseChannels', 'toJsonSchema'],
  // A field that a decision rejects.
  'dataVersion',
]);

/** The changelog and the guide to upgrades name what is gone. */
const pages = PAGES.filter((page) => page !== 'docs/upgrading.md');

/** `camelCase` and `PascalCase` words in code, each the name of an option, a property, a type or a metric. */
const namesIn = (page: string): string[] =>
  [
    ...readFileSync(join(ROOT, page), 'utf8')
      .replaceAll(/^( *)```[\s\S]*?^ *```$/gm, '')
      .matchAll(/`([^`\n]+)`/g),
  ]
    .flatMap(([, code = '']) => code.match(/(?<![-\w/:])[A-Za-z]+[a-z][A-Z]\w*\b(?![-/:])/g) ?? [])
    .filter((name) => !NOT_OURS.has(name));

test.each(pages)('every name in %s is one of the code', (page) => {
  expect([...new Set(namesIn(page))].filter((name) => !words.has(name))).toEqual([]);
});
