import type { EnvironmentReader } from './environment';
import { CONTROL_PARTITION } from './key';

/**
 * For a table with several regions, each with its own relay: the region of this one, and the regions whose events it
 * publishes. It ignores items of other regions unless it has taken those regions over.
 */
export interface HomeRegion {
  /** The region in which relay and sweeper run. */
  readonly region: string;
  /** Regions whose items this relay publishes: its own, and those that it has taken over. */
  readonly publishesFor: readonly string[];
}

const VARIABLES = { region: 'OUTBOX_HOME_REGION', publishesFor: 'OUTBOX_PUBLISHES_FOR' } as const;

/** The environment variables of a home region; empty without one. */
export const encodeHomeRegion = (home: HomeRegion | undefined): Record<string, string> =>
  home === undefined ? {} : { [VARIABLES.region]: home.region, [VARIABLES.publishesFor]: home.publishesFor.join(',') };

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export function decodeHomeRegion(read: EnvironmentReader): HomeRegion | undefined {
  if (read.optionalText(VARIABLES.region) === undefined) return undefined;
  const region = read.text(VARIABLES.region);
  const publishesFor = read.text(VARIABLES.publishesFor).split(',');
  if (!publishesFor.every((one) => /^[a-z0-9-]+$/.test(one)) || !publishesFor.includes(region)) {
    read.refuse(VARIABLES.publishesFor, `a comma-separated list of regions, ${region} among them`);
  }
  return { region, publishesFor };
}

/**
 * Partition key of holds, tombstones and the state item. Each region has its own: in one common partition the last
 * writer would win, and each relay would take the streams of the others for new ones.
 */
export const controlPartitionOf = (home: HomeRegion | undefined): string =>
  home === undefined ? CONTROL_PARTITION : `${CONTROL_PARTITION}@${home.region}`;

/**
 * The name that the relay records for its stream; it changes when other regions are added or removed. A takeover thus
 * counts as a new stream: a gap is suspected, and keys are looked up before their next events are published.
 */
export const streamNameOf = (streamArn: string, { publishesFor }: HomeRegion): string =>
  `${streamArn}#${publishesFor.toSorted().join(',')}`;
