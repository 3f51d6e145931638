/**
 * The public API of each entry of the package (its exported names and their signatures), as reports in
 * `test/package/api`. The script fails if the API differs from them, so that a change of the API shows in a change of
 * these files. `--update` writes them from the code.
 */
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  ExtractorMessageCategory,
} from '@microsoft/api-extractor';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..');
const WORK = join(ROOT, '.outbox', 'api-report');
const REPORTS = join(ROOT, 'test', 'package', 'api');
const NO_MESSAGES = { default: { logLevel: ExtractorLogLevel.None } };

/** The declaration file of each entry, by the entry's name. */
function entries(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>;
  };
  return new Map(
    Object.entries(exports).flatMap(([entry, target]) =>
      typeof target === 'string' ? [] : [[entry.replace(/^\.\/?/, '') || 'index', join(ROOT, target.types)] as const],
    ),
  );
}

const configOf = (entry: string, declarations: string): ExtractorConfig =>
  ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: declarations,
      compiler: { tsconfigFilePath: join(ROOT, 'tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${entry}.api.md`,
        reportFolder: REPORTS,
        reportTempFolder: join(WORK, 'reports'),
      },
      newlineKind: 'lf',
      // The linter and typedoc check the docstrings.
      messages: { extractorMessageReporting: NO_MESSAGES, tsdocMessageReporting: NO_MESSAGES },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
  });

/** Compares one entry with its report; `update` writes the report. Returns whether they differed. */
function reportDiffers(config: ExtractorConfig, compilerState: CompilerState, update: boolean): boolean {
  const { apiReportChanged } = Extractor.invoke(config, {
    compilerState,
    localBuild: update,
    messageCallback: (message) => (message.handled ||= message.category === ExtractorMessageCategory.Console),
  });
  return apiReportChanged;
}

const update = process.argv.includes('--update');
mkdirSync(REPORTS, { recursive: true });
const configs = [...entries()].map(([entry, file]) => [entry, configOf(entry, file)] as const);
// One program of TypeScript for all entries: each would parse and check the same declarations again.
const [[, first]] = configs as [(typeof configs)[number]];
const state = CompilerState.create(first, { additionalEntryPoints: [...entries().values()] });
const differing = configs.filter(([, config]) => reportDiffers(config, state, update)).map(([entry]) => entry);
console.log(`${update ? 'Updated' : 'Differ from test/package/api'}: ${differing.join(', ') || 'none'}.`);
if (differing.length > 0 && !update) {
  console.error('If you mean to change the public API, run "npm run api:update", read the difference and commit it.');
  process.exitCode = 1;
}
