import type { Gate } from './gate';
import { wait } from './waiting';

/** How long a consumer stays with a message that it cannot settle now. */
export interface Patience {
  /** Resolves to whether an attempt may begin: the table is taken to be available, or this attempt finds out. */
  enter(gate: Gate, signal: AbortSignal): Promise<boolean>;
  /** Waits before the next attempt. Resolves to `false` when the message is released instead: it is delivered again. */
  pause(ms: number, signal: AbortSignal): Promise<boolean>;
}

/** Waits until the message is settled or not needed any more: the consumer would not get it again. */
export const UNTIL_SETTLED: Patience = {
  async enter(gate, signal) {
    await gate.pass(signal);
    return true;
  },
  async pause(ms, signal) {
    await wait(ms, signal);
    return true;
  },
};

/** Waits for nothing that may take longer than a delivery: Lambda delivers the message again. */
export const ONE_DELIVERY: Patience = {
  enter: (gate) => Promise.resolve(gate.tryPass()),
  pause: () => Promise.resolve(false),
};
