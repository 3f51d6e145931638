import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Stack } from '../../../local/stack';

/** What the process of a consumer has to know. */
export interface ConsumerProcessOptions {
  readonly name: string;
  readonly stack: Pick<Stack, 'brokers' | 'clientConfig' | 'dynamodbEndpoint'>;
  /** The outbox table to which it emits an `order.audited` for each event. Default: it emits nothing. */
  readonly emitsTo?: string;
  /** How soon the group misses it. Default 10 s. */
  readonly sessionTimeoutMs?: number;
}

/**
 * What the process tells: that it has joined its group, and now and then how often its consumer told what. The names are
 * those of the telemetry, and `generation` for each round of the group that it led: one member leads each.
 */
export type ConsumerReport =
  { readonly kind: 'running' } | { readonly kind: 'told'; readonly counts: Readonly<Record<string, number>> };

/** Starts a consumer in a process of its own, that it can be killed; resolves once it has joined its group. */
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
  const child = fork(join(__dirname, 'consumer-child.ts'), [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
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
    // Aborted, or told by the race.
    exited.catch(() => undefined);
  }
  return child;
}

/** Ends it as a crash does: nothing is drained or committed, and the group learns of it by the session's timeout. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
