import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Stack } from '../../../local/stack';
import { RUN_FOLDER } from './run-folder';

/** The settings of a consumer's process. */
export interface ConsumerProcessOptions {
  readonly name: string;
  readonly stack: Pick<Stack, 'brokers' | 'clientConfig' | 'dynamodbEndpoint'>;
  /** The outbox table for an `order.audited` per event. Default: the consumer emits nothing. */
  readonly emitsTo?: string;
  /** The group's session timeout. Default 10 s. */
  readonly sessionTimeoutMs?: number;
}

/**
 * A report of the process: that it has joined its group, or its telemetry counts since the last report. The names are
 * those of the telemetry; `generation` counts the generations of the group that this member led.
 */
export type ConsumerReport =
  { readonly kind: 'running' } | { readonly kind: 'told'; readonly counts: Readonly<Record<string, number>> };

/** Starts a consumer in its own process, so that a test can kill it. Resolves once it has joined its group. */
export async function startConsumerProcess(
  { name, stack: { brokers, clientConfig, dynamodbEndpoint }, emitsTo, sessionTimeoutMs }: ConsumerProcessOptions,
  onTold: (counts: Readonly<Record<string, number>>) => void = () => undefined,
): Promise<ChildProcess> {
  const options: ConsumerProcessOptions = {
    name,
    stack: { brokers, clientConfig, dynamodbEndpoint },
    emitsTo,
    sessionTimeoutMs,
  };
  const child = fork(await bundledChild(), [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new AbortController();
  const { signal } = ended;
  const running = new Promise<void>((resolve) => {
    child.on('message', (report: ConsumerReport) => {
      if (report.kind === 'told') onTold(report.counts);
      else resolve();
    });
  });
  const exited = once(child, 'exit', { signal }).then(() => {
    throw new Error(`Consumer ${name} has ended before it joined its group.`);
  });
  try {
    await Promise.race([running, exited]);
  } finally {
    ended.abort();
    // The rejection is expected: aborted, or already reported by the race.
    exited.catch(() => undefined);
  }
  return child;
}

/** One file for all processes of a run of tests: to load the sources by tsx takes each of them a second. */
async function bundledChild(): Promise<string> {
  const folder = process.env[RUN_FOLDER];
  if (folder === undefined) throw new Error('Only test/local/global-setup.ts makes the folder: run this by Jest.');
  const bundle = join(folder, 'consumer-child.js');
  if (existsSync(bundle)) return bundle;
  const draft = join(folder, `${randomUUID()}.js`);
  await build({
    entryPoints: [join(__dirname, 'consumer-child.ts')],
    ...{ outfile: draft, bundle: true, platform: 'node', target: 'node24', logLevel: 'warning' },
  });
  await rename(draft, bundle);
  return bundle;
}

/** Ends the process as a crash does: it drains and commits nothing, and the group waits for the session timeout. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
