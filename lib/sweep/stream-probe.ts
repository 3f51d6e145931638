import { newSignal, type ReplaySignal, type OperatorNote, type Signal } from '../event/signal';

const PROBE_REPLAY_ID = 'sweeper-probe';
/** Sorts after every position, so that nothing is replayed. */
const LAST_POSITION = 'ffffffff-ffff-7fff-bfff-ffffffffffff';

/** A stream keeps no record for longer, so an older probe never comes back. */
export const PROBE_LIFE_MS = 25 * 3_600_000;

/**
 * A replay of nothing. The relay deletes it once the stream has shown it; by then it has settled every earlier record
 * of the key.
 */
export const newStreamProbe = (pk: string, now: number, request: OperatorNote): ReplaySignal =>
  newSignal(pk, now, { kind: 'replay', replayId: PROBE_REPLAY_ID, from: LAST_POSITION, request });

export const isStreamProbe = (signal: Signal): boolean =>
  signal.kind === 'replay' && signal.replayId === PROBE_REPLAY_ID;
