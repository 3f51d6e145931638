import { wait } from '../timing/wait';

/**
 * The reaction to a message that cannot be settled now. `wait`: the consumer retries until the message is settled or no
 * longer needed, because Kafka would not deliver it again. `release`: the consumer never waits, because Lambda delivers
 * the message again.
 */
export type WhenBlocked = 'wait' | 'release';

/** Waits before the next attempt, unless the message is released. */
export async function pause(whenBlocked: WhenBlocked, ms: number, signal: AbortSignal): Promise<'again' | 'released'> {
  if (whenBlocked === 'release') return 'released';
  await wait(ms, signal);
  return 'again';
}
