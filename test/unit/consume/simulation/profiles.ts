import type { Profile } from './world';

/** The faults of each kind of history, by a description. */
export const PROFILES: Readonly<Record<string, Profile>> = {
  'members that die, freeze, stop, crash and begin again': {},
  'several events of a key in one transaction': { options: { eventsOfKeyPerTransaction: 3 } },
  'lost answers, conflicts and throttling': { faults: true },
  'poison and parked keys': { poison: true },
  'poison that blocks': { poison: true, options: { onFailure: 'block' } },
  'poison that is dead-lettered': { poison: true, options: { onFailure: 'dead-letter' } },
  'keys that wait for what is missing': { options: { onGap: 'block', gapTimeoutMs: 60_000 } },
  'a group that begins at the end': { fromEnd: true },
  'calls that nobody answers': { hangs: true },
  'handlers that AWS services refuse': { aws: true },
  'handlers that AWS services refuse, and no other failure': { aws: true, steady: true },
  'an unsteady table, and handlers that never fail': {
    faults: true,
    hangs: true,
    steady: true,
    options: { onFailure: 'dead-letter' },
  },
  'events that a later version can read': { unreadable: true },
  'handlers that emit, and clocks that disagree': { emits: true, faults: true },
  'handlers that emit several events of a key in one transaction': {
    emits: true,
    options: { eventsOfKeyPerTransaction: 3 },
  },
  'everything at once': {
    emits: true,
    poison: true,
    faults: true,
    hangs: true,
    options: { eventsOfKeyPerTransaction: 3 },
  },
  'everything that AWS and deployments do at once': {
    emits: true,
    faults: true,
    hangs: true,
    aws: true,
    unreadable: true,
  },
};

/** Steps of a history, before everything is left to settle. */
export const STEPS = 150;
