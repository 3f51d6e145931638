import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsistencyToken } from '../../lib/consumer';
import { DemoError } from './errors';
import { describe, type Command, type Errand, type Plan, type Step } from './plan';
import type { CommittedEvent } from './record';
import type { Writers } from './writers';

export interface TrafficOptions {
  readonly writers: Pick<Writers, 'run'>;
  /** How many errands run at once. */
  readonly concurrency: number;
  /** Pause between two commands, so that a person can follow. */
  readonly paceMs: number;
  readonly signal: AbortSignal;
  readonly onCommitted: (
    writer: number,
    events: readonly CommittedEvent[],
    command: Command,
    token: ConsistencyToken,
  ) => void;
  readonly onRefused: (writer: number, command: Command, reason: string) => void;
}

const BUSY_WAIT_MS = 100;

/**
 * Sends the plan's commands to the writers, as the service's clients would.
 *
 * @throws DemoError `writer-failed` if the outcome of a command differs from the plan. The first one ends the run.
 */
export async function runTraffic({ opening, errands }: Plan, options: TrafficOptions): Promise<void> {
  await runErrands(
    opening.map((step) => [step]),
    options,
  );
  await runErrands(errands, options);
}

async function runErrands(errands: readonly Errand[], options: TrafficOptions): Promise<void> {
  const queue = errands.values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const errand of queue) {
      for (const step of errand) {
        if (failures.length > 0) return;
        options.signal.throwIfAborted();
        await runStep(step, options);
        if (options.paceMs > 0) await sleep(options.paceMs, undefined, { signal: options.signal });
      }
    }
  };
  await Promise.all(
    Array.from({ length: options.concurrency }, () => lane().catch((error: unknown) => failures.push(error))),
  );
  if (failures.length > 0) throw failures[0];
}

async function runStep({ command, events: expected }: Step, options: TrafficOptions): Promise<void> {
  for (;;) {
    options.signal.throwIfAborted();
    const { writer, outcome } = await options.writers.run(command);
    const fail = (what: string): never => {
      throw new DemoError('writer-failed', `Writer ${writer} was to ${describe(command)}, but ${what}`);
    };
    switch (outcome.kind) {
      case 'committed':
        options.onCommitted(writer, outcome.events, command, outcome.token);
        if (outcome.events.length !== expected) fail(`wrote ${outcome.events.length} events instead of ${expected}.`);
        return;
      case 'refused':
        if (outcome.retryable) break;
        if (expected > 0) fail(`refused: ${outcome.message}`);
        options.onRefused(writer, command, outcome.message);
        return;
      case 'failed':
        return fail(`failed: ${outcome.message}`);
    }
    await sleep(BUSY_WAIT_MS, undefined, { signal: options.signal });
  }
}
