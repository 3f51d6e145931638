import { isStored, streamAgeMs, type BatchSignal, type KeyTask } from './batch-item';
import { DrainRun } from './drain';
import type { PublishSession } from './publish-session';
import { replay } from './replay';

/**
 * Performs the discards, drains and replays of a key, in this order, and settles its items and signals when the result
 * is durable. A second run, an interrupted run and a concurrent run are harmless: the hold's revision shows which run
 * came later, and a repeated publish is only a duplicate.
 *
 * Never rejects. If a step fails, the items of the key stay open and are delivered again. A failure of this key alone
 * does not affect the other keys.
 */
export async function workOnKey(task: KeyTask, session: PublishSession): Promise<void> {
  try {
    if (!(await drainKey(task, session))) return;
    for (const signal of task.signals) await replayKey(signal, session);
  } catch (cause) {
    session.invocation.failKey(task.pk, { message: `The drain of "${task.pk}" was interrupted.`, cause });
  }
}

/** Returns `false` if the records must be delivered again. */
async function drainKey({ pk, items, signals }: KeyTask, session: PublishSession): Promise<boolean> {
  const requests = signals.filter(({ signal }) => signal.kind !== 'replay');
  if (requests.length === 0 && items.length === 0) return true;
  const outcome = await new DrainRun(session, { pk, items, signals: requests }).run();
  if (outcome === 'failed') return false;
  const stored = requests.filter(isStored).map(({ signal }) => signal);
  await session.invocation.ports.signals.remove(stored);
  for (const settled of [...items, ...requests]) settled.state = 'settled';
  return true;
}

async function replayKey(batchSignal: BatchSignal, session: PublishSession): Promise<void> {
  const { signal } = batchSignal;
  const { stopped, ports } = session.invocation;
  if (signal.kind !== 'replay' || stopped) return;
  const { signals, telemetry, clock } = ports;
  // A record may outlive its signal, because the sweeper replaced the signal or a relay acted on it. Unlike a drain,
  // a replay would then publish once more. The table also knows how far the replay got.
  const current = await signals.find(signal);
  if (current?.kind !== 'replay') {
    batchSignal.state = 'settled';
    return;
  }
  const outcome = await replay(current, session, streamAgeMs(batchSignal, clock.now()) ?? 0);
  switch (outcome.kind) {
    case 'failed':
      return;
    case 'refused':
      await signals.markUnprocessable(signal, outcome.why);
      telemetry.signalUnprocessable(signal, outcome.why);
      break;
    case 'superseded':
      break;
    case 'rest':
      await signals.succeed(signal, outcome.signal);
      break;
    case 'done':
      await signals.remove([signal]);
  }
  batchSignal.state = 'settled';
}
