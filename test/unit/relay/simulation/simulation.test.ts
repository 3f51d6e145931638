import { resolve } from 'node:path';
import { outsideOfJest } from '../../../builders/without-rule';
import type { Profile, SimulatedWorld as World } from './world';

const PROFILES: Readonly<Record<string, Profile>> = {
  'crashes, refusals and lost answers': {},
  'relays that continue next to their successors': { zombies: true },
  'two topics with outages of their own': { topics: true },
  'instances at random, and topics that are unavailable one by one': { topics: true, sandboxes: 5 },
  'items of several events, and topics that are unavailable one by one': { topics: true, several: true, sandboxes: 5 },
  'instances at random within seconds': { topics: true, several: true, sandboxes: 5, fast: true },
  'items of several events': { topics: true, several: true, zombies: true },
  'partitions that fail alone': { partitions: true },
  'partitions that fail alone, and items of several events': { partitions: true, several: true, zombies: true },
  'partitions that fail alone, next to relays that continue': { partitions: true, zombies: true },
  'partitions that fail alone and topics that grow': { partitions: true, grows: true, zombies: true, topics: true },
  'partitions that fail alone, with strict order': { partitions: true, overtaking: true },
  'partitions that fail alone, a retention of zero': { partitions: true, retention: 0 },
  'partitions that fail alone, and streams that lose records': { partitions: true, trims: true, newStreams: true },
  'items on which the process dies': { bombs: true },
  'parked items that are deleted by hand': { deletes: true },
  'parked items that are deleted by hand, next to relays that continue': { deletes: true, zombies: true, topics: true },
  'parked items that are deleted by hand, and streams that lose records': { deletes: true, trims: true },
  'parked items that are deleted by hand, a retention of zero': { deletes: true, retention: 0 },
  'writers that overtake, with strict order': { overtaking: true },
  'a retention of zero': { retention: 0 },
  'signals that come by another shard': { full: true, zombies: true, partitions: true },
  'a mapping that is off for longer than the stream lasts': { trims: true },
  'a mapping that is off on quiet days': { trims: true, quietDays: true },
  'one partition that stays unavailable while relays run': {
    partitions: true,
    grows: true,
    zombies: true,
    topics: true,
    oneUnavailable: true,
  },
  'one partition that comes back while others are written to': {
    partitions: true,
    oneUnavailable: true,
    comesBack: 'busy',
  },
  'one partition that comes back to a quiet table': { partitions: true, oneUnavailable: true, comesBack: 'quiet' },
  'partitions that fail alone, and room for one hold': { partitions: true, maxHolds: 1 },
  'a relay of another outbox on the same stream': { foreign: true, topics: true },
  'instances at random, a retention of zero': { topics: true, sandboxes: 5, retention: 0 },
  'partitions that fail alone, and then all of them': { partitions: true, allUnavailable: true },
  'streams that are made again': { newStreams: true },
  'mappings that are made again and drop records': { newMappings: true },
  'mappings that are made again, parked items that are deleted by hand': {
    newMappings: true,
    deletes: true,
    zombies: true,
  },
  'mappings that are made again, while nothing else fails': { newMappings: true, healthy: true, zombies: true },
  'streams that are made again, while nothing else fails': { newStreams: true, healthy: true },
  'records that vanish without a sign': { vanishes: true },
  'records that vanish without a sign, while nothing else fails': { vanishes: true, healthy: true },
  'a table that is restored': { restores: true },
  'clocks that disagree and scans that are behind': { skewed: true, trims: true, newStreams: true },
  'everything at once': { zombies: true, topics: true, bombs: true, trims: true, newStreams: true },
};
/** `RUNS=60` is for changes of the relay and the sweeper: see CONTRIBUTING.md. */
const RUNS = Number(process.env['RUNS'] ?? 16);
const STEPS = 700;

const world = outsideOfJest<{ readonly SimulatedWorld: typeof World }>(resolve(__dirname, 'world.ts'));

it.each(Object.entries(PROFILES))(
  'nothing is lost, overtaken, stuck or wrongly discarded: %s',
  async (_, profile) => {
    const { SimulatedWorld } = await world;
    for (let seed = 1; seed <= RUNS; seed++) {
      const wrong = await new SimulatedWorld(seed, profile).play(STEPS);
      expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    }
  },
  120_000,
);
