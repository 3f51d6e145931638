import { outcomeOf } from './attempt';
import type { Lane } from './lanes';
import type { Aside } from './ports';
import type { InboxKey } from './inbox-keys';
import { Processor, type Delivery, type ProcessorPorts } from './processor';
import type { ConsumedRecord } from './record';
import { redactedMessage } from './redaction';
import type { ConsumerSettings } from './settings';
import { Slots } from './slots';

/** What a redrive came to. */
export interface Redriven {
  /** How many events left the parking, duplicates among them included. */
  readonly released: number;
  /** Whether the key still waits: an event failed again, or there was an outage or no time. */
  readonly isParked: boolean;
  /** Why an event failed again. */
  readonly refusal?: string;
}

/** Nothing comes behind a parked message but in the table. */
const ALONE: Lane<Delivery> = { take: () => Promise.resolve(undefined) };
const NEVER = new AbortController().signal;

/** Applies the parked messages of a key one by one, each in one transaction with its leaving the parking. */
export async function redriveKey(
  key: InboxKey,
  settings: ConsumerSettings,
  ports: Omit<ProcessorPorts, 'deadLetters'>,
  signal: AbortSignal = NEVER,
): Promise<Redriven> {
  const { inbox, entries, transactions, rows } = ports;
  let refusal: string | undefined;
  const deadLetters = {
    send: (_: ConsumedRecord, { message }: Aside) => {
      refusal = message;
      return Promise.reject(new Error('A redrive sets nothing aside.'));
    },
  };
  const onRefusal = (error: unknown): void => void (refusal = redactedMessage(error));
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
      { givesUp: true, parkedPosition: next.position, onRefusal },
    );
    const delivery: Delivery = { record: next.record, slots, signal, finished: () => undefined };
    const outcome = await processor.process([delivery], ALONE);
    if (outcome === 'stale') continue;
    if (outcome === 'given-up') {
      return { released, isParked: true, ...(refusal === undefined ? {} : { refusal }) };
    }
    // What this consumer no longer wants, such as a replay, leaves without an effect.
    if (outcome === 'ignored') outcomeOf(await transactions.write([entries.unpark(key, next.position)]), 0);
    released++;
  }
}
