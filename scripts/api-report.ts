/**
 * The public API of each entry of the package (its exported names and their signatures), as reports in
 * `test/package/api`. The script fails if the API differs from them, so that a change of the API shows in a change of
 * these files. `--update` writes them from the code.
 */
import { Extractor, ExtractorConfig, ExtractorLogLevel, ExtractorMessageCategory } from '@microsoft/api-extractor';
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

/** Compares one entry with its report; `update` writes the report. Returns whether they differed. */
function reportDiffers(entry: string, declarations: string, update: boolean): boolean {
  const config = ExtractorConfig.prepare({
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
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => (message.handled ||= message.category === ExtractorMessageCategory.Console),
  });
  return apiReportChanged;
}

const update = process.argv.includes('--update');
mkdirSync(REPORTS, { recursive: true });
const differing = [...entries()].filter(([entry, file]) => reportDiffers(entry, file, update)).map(([entry]) => entry);
console.log(`${update ? 'Updated' : 'Differ from test/package/api'}: ${differing.join(', ') || 'none'}.`);
if (differing.length > 0 && !update) {
  console.error('If you mean to change the public API, run "npm run api:update", read the difference and commit it.');
  process.exitCode = 1;
}
