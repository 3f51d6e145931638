import { KeyDrain } from './drain';
import { isStored, type BatchSignal, type KeyTask } from './key-task';
import { streamAgeMs } from './batch-item';
import type { PublishSession } from './publish-session';
import { replay } from './replay';

/**
 * Performs the discards, drains and replays of a key, in this order, and settles its items and signals when the result
 * is durable. A second run, an interrupted run and a concurrent run are harmless: the hold's revision shows which run
 * came later, and a repeated publish is only a duplicate.
 */
export class KeyWorker {
  readonly #session: PublishSession;
  readonly #drain: KeyDrain;

  constructor(session: PublishSession) {
    this.#session = session;
    this.#drain = new KeyDrain(session);
  }

  /**
   * Never rejects. If a step fails, the items of the key stay open and are delivered again. A failure of this key alone
   * does not affect the other keys.
   */
  async run(task: KeyTask): Promise<void> {
    try {
      await this.#run(task);
    } catch (cause) {
      this.#session.invocation.failKey(task.pk, { message: `The drain of "${task.pk}" was interrupted.`, cause });
    }
  }

  async #run({ pk, items, signals }: KeyTask): Promise<void> {
    const requests = signals.filter(({ signal }) => signal.kind !== 'replay');
    if (requests.length > 0 || items.length > 0) {
      const outcome = await this.#drain.run({ pk, items, signals: requests });
      if (outcome === 'failed') return;
      const stored = requests.filter(isStored).map(({ signal }) => signal);
      await this.#session.invocation.ports.signals.remove(stored);
      for (const settled of [...items, ...requests]) settled.state = 'settled';
    }
    for (const signal of signals) await this.#replay(signal);
  }

  async #replay(batchSignal: BatchSignal): Promise<void> {
    const { signal } = batchSignal;
    const { stopped, ports } = this.#session.invocation;
    if (signal.kind !== 'replay' || stopped) return;
    const { signals, telemetry, clock } = ports;
    // A record may outlive its signal, because the sweeper replaced the signal or a relay acted on it. Unlike a drain,
    // a replay would then publish once more. The table also knows how far the replay got.
    const current = await signals.find(signal);
    if (current?.kind !== 'replay') {
      batchSignal.state = 'settled';
      return;
    }
    const outcome = await replay(current, this.#session, streamAgeMs(batchSignal, clock.now()) ?? 0);
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
}
