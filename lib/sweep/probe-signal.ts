import { newSignal, type ReplaySignal, type Request, type Signal } from '../event/signal';

const PROBE_REPLAY_ID = 'sweeper-probe';
/** Sorts after every position: nothing is replayed. */
const LAST_POSITION = 'ffffffff-ffff-7fff-bfff-ffffffffffff';

/** A stream keeps no record for longer: a probe that is older comes back no more. */
export const PROBE_LIFE_MS = 25 * 3_600_000;

/**
 * A replay of nothing. The relay deletes it when the stream has shown it, and by then has settled every earlier record of
 * the key.
 */
export const newProbe = (pk: string, now: number, request: Request): ReplaySignal =>
  newSignal(pk, now, { kind: 'replay', replayId: PROBE_REPLAY_ID, from: LAST_POSITION, request });

export const isProbe = (signal: Signal): boolean => signal.kind === 'replay' && signal.replayId === PROBE_REPLAY_ID;
