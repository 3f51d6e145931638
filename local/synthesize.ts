import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalStackError } from './errors';
import { ROOT } from './folders';
import { withLock } from './lock';
import { runCommand } from './run-command';

/** The CDK app's context: `bootstrapBrokers`, `auth`, `topics` and whatever else it understands. */
export type CdkContext = Readonly<Record<string, unknown>>;

/**
 * Bundles the functions and synthesizes the CDK app into `folder`.
 *
 * Under a lock: a second bundler would replace the files that the first synthesis is copying.
 *
 * @returns the path of the template that has the event source mapping.
 * @throws LocalStackError `command-failed` with what the bundler or the app printed.
 */
export const synthesize = (folder: string, context: CdkContext): Promise<string> =>
  withLock('synthesize', async () => {
    await runCommand(process.execPath, [join('scripts', 'bundle.mjs')], { cwd: ROOT });
    await runCommand(process.execPath, [require.resolve('tsx/cli'), join('bin', 'app.ts')], {
      cwd: ROOT,
      env: {
        ...process.env,
        CDK_OUTDIR: folder,
        CDK_CONTEXT_JSON: JSON.stringify({ ...deployedContext(), ...context }),
      },
    });
    const template = readdirSync(folder)
      .filter((name) => name.endsWith('.template.json'))
      .map((name) => join(folder, name))
      .find((path) => readFileSync(path, 'utf8').includes('"AWS::Lambda::EventSourceMapping"'));
    if (template === undefined) {
      throw new LocalStackError('unsupported-template', `No template in ${folder} has an event source mapping.`);
    }
    return template;
  });

/** The context that the CDK's CLI would pass on: feature flags change templates. */
function deployedContext(): CdkContext {
  const { context = {} } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as {
    readonly context?: CdkContext;
  };
  return context;
}
