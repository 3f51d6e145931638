import { wait } from '../timing/wait';

/**
 * What the consumer does with a message that it cannot settle now. `wait`: it retries until the message is settled or no
 * longer needed, because Kafka would not deliver it again. `release`: it never waits, because Lambda delivers the
 * message again.
 */
export type WhenBlocked = 'wait' | 'release';

/** Waits before the next attempt, unless the message is released. */
export async function pause(whenBlocked: WhenBlocked, ms: number, signal: AbortSignal): Promise<'again' | 'released'> {
  if (whenBlocked === 'release') return 'released';
  await wait(ms, signal);
  return 'again';
}
