import { Token } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { invalidOption } from './invalid-option';

/** Region and account of a resource or a stack; `undefined` if only the deployment knows it. */
export interface Location {
  readonly region?: string;
  readonly account?: string;
}

export interface ArnParts extends Location {
  /** Everything after the account: `table/orders`. */
  readonly resource?: string;
}

/** The parts of an ARN that are known at synthesis. Some parts may be tokens. */
export function partsOfArn(arn: string | undefined): ArnParts {
  const [, , , region, account, ...resource] = (arn ?? '').split(':');
  return { region: known(region), account: known(account), resource: known(resource.join(':')) };
}

/** `…:cluster/<name>/<uuid>` → `<name>`. */
export const clusterNameIn = (clusterArn: string | undefined): string | undefined =>
  known(/^cluster\/([^/]+)/.exec(partsOfArn(clusterArn).resource ?? '')?.[1]);

/** `arn:…:table/orders/stream/…` → `orders`. */
export const tableNameIn = (arn: string | undefined): string | undefined =>
  /^table\/([^/]+)/.exec(partsOfArn(arn).resource ?? '')?.[1];

/** The text; `undefined` if it is empty or if only the deployment knows it. */
export const known = (text: string | undefined): string | undefined =>
  text === undefined || text === '' || Token.isUnresolved(text) ? undefined : text;

/** Region and account in an ARN; where the ARN does not show them, those of `otherwise`. */
export function locationOf(arn: string, otherwise: Location = {}): Location {
  const { region, account } = partsOfArn(arn);
  return { region: region ?? known(otherwise.region), account: account ?? known(otherwise.account) };
}

/** A resource that an option names, with its region and account. */
export interface LocatedResource {
  readonly option: string;
  /** The resource in the words of the message: `the table "orders"`. */
  readonly name: string;
  readonly location: Location;
  /** Parts that must equal those of the stack. Default: both. */
  readonly compared?: readonly (keyof Location)[];
  readonly advice: string;
}

export const REGION_ONLY: readonly (keyof Location)[] = ['region'];
const REGION_AND_ACCOUNT: readonly (keyof Location)[] = ['region', 'account'];

/** @throws OutboxError `invalid-option` for a resource in another region or account than the stack. */
export function checkLocations(stack: Location, resources: readonly LocatedResource[]): void {
  for (const { option, name, location, compared = REGION_AND_ACCOUNT, advice } of resources) {
    for (const part of compared) {
      const here = known(stack[part]);
      const there = known(location[part]);
      if (here === undefined || there === undefined || here === there) continue;
      throw invalidOption(option, `${name} of the ${part} ${there}`, `of the ${part} of the stack (${here})`, advice);
    }
  }
}

export const locationsOfKeys = (keys: Readonly<Record<string, IKey | undefined>>): LocatedResource[] =>
  Object.entries(keys).flatMap(([option, key]) =>
    key === undefined
      ? []
      : {
          option,
          name: `the key ${key.node.path}`,
          location: locationOf(key.keyArn, key.env),
          compared: REGION_ONLY,
          advice:
            "KMS works with a key only in its own region. Use one of the stack's region, or a replica of it there.",
        },
  );

export const locationsOfAlarmTopics = (
  monitoring: { readonly pageTopic?: ITopic; readonly ticketTopic?: ITopic } = {},
): LocatedResource[] =>
  (['pageTopic', 'ticketTopic'] as const).flatMap((option) => {
    const topic = monitoring[option];
    if (topic === undefined) return [];
    return {
      option: `monitoring.${option}`,
      name: `the topic ${topic.node.path}`,
      location: locationOf(topic.topicArn, topic.env),
      compared: REGION_ONLY,
      advice: "An alarm notifies SNS topics of its own region only. Give one of the stack's region.",
    };
  });
