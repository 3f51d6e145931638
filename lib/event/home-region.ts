import type { EnvironmentReader } from './environment';
import { CONTROL_PARTITION } from './key';

/**
 * Of a table with several regions, each of which has a relay of its own: where this one is, and whose events it
 * publishes. Those that another region wrote are none of its business, unless it has taken that region over.
 */
export interface HomeRegion {
  /** Where relay and sweeper run. */
  readonly region: string;
  /** Regions whose items are published from here: this one, and those that it has taken over. */
  readonly publishesFor: readonly string[];
}

const VARIABLES = { region: 'OUTBOX_HOME_REGION', publishesFor: 'OUTBOX_PUBLISHES_FOR' } as const;

/** The environment variables of a home region; none without one. */
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
 * Each region keeps holds, tombstones and state of its own. In one partition for all of them the last writer would win,
 * and the relays would take each other's streams for new ones.
 */
export const controlPartitionOf = ({ region }: HomeRegion): string => `${CONTROL_PARTITION}@${region}`;

/**
 * What the relay notes as its stream: with other regions to publish for it is another one. So a takeover begins like a
 * new stream, with the doubt whether everything was seen, and keys are looked up before their next events go.
 */
export const streamNameOf = (streamArn: string, { publishesFor }: HomeRegion): string =>
  `${streamArn}#${publishesFor.toSorted().join(',')}`;
