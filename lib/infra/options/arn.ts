import { Token } from 'aws-cdk-lib';

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
