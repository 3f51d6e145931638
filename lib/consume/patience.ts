import type { CircuitBreaker } from './circuit-breaker';
import { wait } from '../timing/wait';

/** How long a consumer stays with a message that it cannot settle now. */
export interface Patience {
  /** Resolves to whether an attempt may begin: the table counts as available, or this attempt finds out. */
  enter(gate: CircuitBreaker, signal: AbortSignal): Promise<boolean>;
  /** Waits before the next attempt. Resolves to `false` if the message is released instead, to be delivered again. */
  pause(ms: number, signal: AbortSignal): Promise<boolean>;
}

/** Waits until the message is settled or no longer needed: Kafka would not deliver it again. */
export const UNTIL_SETTLED: Patience = {
  async enter(gate, signal) {
    await gate.acquire(signal);
    return true;
  },
  async pause(ms, signal) {
    await wait(ms, signal);
    return true;
  },
};

/** Never waits, because Lambda delivers a released message again. */
export const ONE_DELIVERY: Patience = {
  enter: (gate) => Promise.resolve(gate.tryAcquire()),
  pause: () => Promise.resolve(false),
};
