import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalStackError } from './errors';
import { CACHE, ROOT } from './folders';
import { withLock } from './lock';
import { runCommand } from './run-command';

/** The CDK app's context: `auth`, `topics` and its other keys. */
export type CdkContext = Readonly<Record<string, unknown>>;

/** Synthesized apps by the content of their sources. More than a run of all tests synthesizes. */
const KEPT_FOLDER = join(CACHE, 'synthesized');
const APPS_KEPT = 40;

/** Stands for the brokers, whose addresses differ in each run. */
const ANY_BROKERS = 'kafka.invalid:9092';

/**
 * Bundles the functions and synthesizes the CDK app into `folder`, unless sources and context are those of an earlier
 * call.
 *
 * Under a lock: a second bundler would replace the files that the first synthesis is copying.
 *
 * @returns the path of the template that has the event source mapping.
 * @throws LocalStackError `command-failed` with the output of the bundler or the app.
 */
export const synthesize = (folder: string, context: CdkContext, brokers: readonly string[]): Promise<string> =>
  withLock('synthesize', async () => {
    await runCommand(process.execPath, [join('scripts', 'build.mjs'), 'bundles'], { cwd: ROOT });
    const kept = join(KEPT_FOLDER, contentHash(context));
    if (existsSync(kept)) await cp(kept, folder, { recursive: true });
    else {
      await runApp(folder, context);
      await keep(folder, kept);
    }
    const template = readdirSync(folder)
      .filter((name) => name.endsWith('.template.json'))
      .map((name) => join(folder, name))
      .find((path) => readFileSync(path, 'utf8').includes('"AWS::Lambda::EventSourceMapping"'));
    if (template === undefined) {
      throw new LocalStackError('unsupported-template', `No template in ${folder} has an event source mapping.`);
    }
    writeFileSync(template, readFileSync(template, 'utf8').replaceAll(ANY_BROKERS, brokers.join(',')));
    return template;
  });

/** Of everything that the app depends on: the bundler has written the hash of its sources. */
function contentHash(context: CdkContext): string {
  const hash = createHash('sha256');
  for (const file of [join('dist', 'bundles.sha256'), 'cdk.json']) hash.update(readFileSync(join(ROOT, file)));
  return hash.update(JSON.stringify(context)).digest('hex');
}

/** Renames the complete copy, so that an interrupted one is never found. Removes the oldest apps. */
async function keep(folder: string, kept: string): Promise<void> {
  const draft = `${kept}.${randomUUID()}`;
  await cp(folder, draft, { recursive: true });
  await rename(draft, kept);
  const apps = readdirSync(KEPT_FOLDER).map((name) => join(KEPT_FOLDER, name));
  const byAge = apps.toSorted((a, b) => statSync(b).ctimeMs - statSync(a).ctimeMs);
  for (const old of byAge.slice(APPS_KEPT)) await rm(old, { recursive: true, force: true });
}

const runApp = (folder: string, context: CdkContext): Promise<void> =>
  runCommand(process.execPath, [require.resolve('tsx/cli'), join('bin', 'app.ts')], {
    cwd: ROOT,
    env: {
      ...process.env,
      CDK_OUTDIR: folder,
      // Takes seconds, and `npm run check:infra` validates the same templates.
      CDK_VALIDATION: 'false',
      CDK_CONTEXT_JSON: JSON.stringify({ ...deployedContext(), bootstrapBrokers: ANY_BROKERS, ...context }),
    },
  });

/** The context that the CDK's CLI would pass on: feature flags change templates. */
function deployedContext(): CdkContext {
  const { context = {} } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as {
    readonly context?: CdkContext;
  };
  return context;
}
