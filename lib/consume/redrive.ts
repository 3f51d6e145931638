import { outcomeOf } from './attempt';
import type { Lane } from './lanes';
import type { InboxKey } from './ports';
import { Processor, type Delivery, type ProcessorPorts } from './processor';
import type { ConsumerSettings } from './settings';
import { Slots } from './slots';

/** What a redrive came to. */
export interface Redriven {
  /** How many events left the parking, duplicates among them included. */
  readonly released: number;
  /** Whether the key still waits, because an event failed again. */
  readonly isParked: boolean;
}

/** Nothing comes behind a parked message but in the table. */
const ALONE: Lane<Delivery> = { take: () => Promise.resolve(undefined) };

/** Applies the parked messages of a key one by one, each in one transaction with its leaving the parking. */
export async function redriveKey(
  key: InboxKey,
  settings: ConsumerSettings,
  ports: Omit<ProcessorPorts, 'deadLetters'>,
): Promise<Redriven> {
  const { inbox, entries, transactions, rows } = ports;
  const deadLetters = { send: () => Promise.reject(new Error('A redrive sets nothing aside.')) };
  const { signal } = new AbortController();
  const slots = new Slots(1);
  let released = 0;
  for (;;) {
    // What this process believes may be old: another one may be parking or redriving the key.
    rows.forget(key);
    const next = await inbox.nextParked(key);
    if (next === undefined) {
      const row = await inbox.read(key);
      if (!row.state.parked) return { released, isParked: false };
      const state = { ...row.state, parked: false };
      // A message that was parked meanwhile has raised the revision: then there is one more to redrive.
      const unit = [entries.row(key, row, state), entries.release(key)];
      if (outcomeOf(await transactions.write(unit), 0) === 'stale') continue;
      settings.telemetry.released(key);
      return { released, isParked: false };
    }
    const processor = new Processor(
      settings,
      { ...ports, deadLetters },
      { givesUp: true, parkedPosition: next.position },
    );
    const delivery: Delivery = { record: next.record, slots, signal, finished: () => undefined };
    const outcome = await processor.process([delivery], ALONE);
    if (outcome === 'given-up') return { released, isParked: true };
    // What this consumer no longer wants, such as a replay, leaves without an effect.
    if (outcome === 'ignored') outcomeOf(await transactions.write([entries.unpark(key, next.position)]), 0);
    released++;
  }
}
