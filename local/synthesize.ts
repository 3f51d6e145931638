import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalStackError } from './errors';
import { ROOT } from './folders';
import { withLock } from './lock';
import { runCommand } from './run-command';

/** The CDK app's context: `auth`, `topics` and its other keys. */
export type CdkContext = Readonly<Record<string, unknown>>;

/**
 * This variable names a folder that keeps synthesized apps, for stacks that differ only in their brokers. For a run of
 * tests, during which no source changes.
 */
export const SYNTHESIZED = 'OUTBOX_LOCAL_SYNTHESIZED';

/** Stands for the brokers, whose addresses differ in each run. */
const ANY_BROKERS = 'kafka.invalid:9092';

/**
 * Bundles the functions and synthesizes the CDK app into `folder`.
 *
 * Under a lock: a second bundler would replace the files that the first synthesis is copying.
 *
 * @returns the path of the template that has the event source mapping.
 * @throws LocalStackError `command-failed` with the output of the bundler or the app.
 */
export const synthesize = (folder: string, context: CdkContext, brokers: readonly string[]): Promise<string> =>
  withLock('synthesize', async () => {
    const kept = keptFolder(context);
    if (kept !== undefined && existsSync(kept)) await cp(kept, folder, { recursive: true });
    else {
      await runCommand(process.execPath, [join('scripts', 'build.mjs'), 'bundles'], { cwd: ROOT });
      await runApp(folder, context);
      if (kept !== undefined) await keep(folder, kept);
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

function keptFolder(context: CdkContext): string | undefined {
  const folder = process.env[SYNTHESIZED];
  if (folder === undefined) return undefined;
  return join(folder, createHash('sha256').update(JSON.stringify(context)).digest('hex'));
}

/** Renames the complete copy, so that an interrupted one is never found. */
async function keep(folder: string, kept: string): Promise<void> {
  const draft = `${kept}.${randomUUID()}`;
  await cp(folder, draft, { recursive: true });
  await rename(draft, kept);
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
