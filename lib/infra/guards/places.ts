import { Token } from 'aws-cdk-lib';
import { invalidOption } from '../invalid-option';

/** Region and account of a resource or a stack; `undefined` if only the deployment knows it. */
export interface Place {
  readonly region?: string;
  readonly account?: string;
}

export interface ArnParts extends Place {
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

/** The text; `undefined` if it is empty or if only the deployment knows it. */
export const known = (text: string | undefined): string | undefined =>
  text === undefined || text === '' || Token.isUnresolved(text) ? undefined : text;

/** The host names of Amazon MSK name the region: `b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098`. */
export function regionOfBrokers(bootstrapBrokers: string): string | undefined {
  if (Token.isUnresolved(bootstrapBrokers)) return undefined;
  return /\.kafka(?:-[a-z]+)?\.([a-z0-9-]+)\.amazonaws\.com/.exec(bootstrapBrokers)?.[1];
}

export interface Placed {
  readonly option: string;
  /** The resource in the words of the message: `the table "orders"`. */
  readonly name: string;
  readonly place: Place;
  /** Parts that must equal those of the stack. Default: both. */
  readonly compared?: readonly (keyof Place)[];
  readonly advice: string;
}

const BOTH: readonly (keyof Place)[] = ['region', 'account'];

/** @throws OutboxError `invalid-option` for a resource in another region or account than the stack. */
export function checkPlaces(stack: Place, resources: readonly Placed[]): void {
  for (const { option, name, place, compared = BOTH, advice } of resources) {
    for (const part of compared) {
      const here = known(stack[part]);
      const there = known(place[part]);
      if (here === undefined || there === undefined || here === there) continue;
      throw invalidOption(option, `${name} of the ${part} ${there}`, `of the ${part} of the stack (${here})`, advice);
    }
  }
}
