import { Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ResolvedBrokers } from './cluster/broker-props';
import { known, partsOfArn, regionOfBrokers, type ArnParts, type Place, type Placed } from './guards/places';
import { madeTableBehind, madeTableOf, nameOf, tableInArn } from './guards/same-table';
import { invalidOption } from './invalid-option';

const ACROSS_REGIONS = 'No event source mapping, trigger or permission of this stack leads there.';

/** Regions and accounts of the brokers, their login and their network, with the options that name them. */
export function placesOfBrokers({ cluster, authentication, bootstrapBrokers, vpc }: ResolvedBrokers): Placed[] {
  const { settings, clusterArn } = authentication;
  const advice = `${ACROSS_REGIONS} Give each region and account a cluster, and a stack, of its own.`;
  const secretArn = 'secretArn' in settings ? settings.secretArn : undefined;
  return [
    ...(cluster === undefined
      ? []
      : [
          {
            option: 'cluster',
            name: `the cluster ${cluster.node.path}`,
            place: placeOf(cluster.clusterArn, cluster.exists ? undefined : Stack.of(cluster)),
            advice,
          },
        ]),
    ...(clusterArn === undefined
      ? []
      : [
          {
            option: 'authentication',
            name: 'IAM of a cluster',
            place: partsOfArn(clusterArn),
            advice,
          },
          {
            option: 'bootstrapBrokers',
            name: 'brokers',
            place: { region: regionOfBrokers(bootstrapBrokers) },
            advice: 'A login by IAM is signed for the region of the function. Use brokers of that region.',
          },
        ]),
    ...(secretArn === undefined
      ? []
      : [
          {
            option: 'authentication',
            name: 'a login in a secret',
            place: partsOfArn(secretArn),
            compared: ['region'] as const,
            advice: 'Functions read the secret from Secrets Manager of their own region. Replicate it there.',
          },
        ]),
    ...(vpc === undefined
      ? []
      : [
          {
            option: 'vpc',
            name: `the VPC ${vpc.node.path}`,
            place: vpc.env,
            compared: ['region'] as const,
            advice: 'A function runs in a VPC of its own region.',
          },
        ]),
  ];
}

/** The regions of a construct's keys, by the options that name them. */
export const placesOfKeys = (keys: Readonly<Record<string, IKey | undefined>>): Placed[] =>
  Object.entries(keys).flatMap(([option, key]) =>
    key === undefined
      ? []
      : [
          {
            option,
            name: `the key ${key.node.path}`,
            place: placeOf(key.keyArn, key.env),
            compared: ['region'] as const,
            advice:
              "KMS works with a key only in its own region. Use one of the stack's region, or a replica of it there.",
          },
        ],
  );

/** The regions of the topics that alarms notify. */
export const placesOfAlarmTopics = (topics: Readonly<Record<string, ITopic | undefined>>): Placed[] =>
  Object.entries(topics).flatMap(([option, topic]) =>
    topic === undefined
      ? []
      : [
          {
            option: `monitoring.${option}`,
            name: `the topic ${topic.node.path}`,
            place: placeOf(topic.topicArn, topic.env),
            compared: ['region'] as const,
            advice: "An alarm notifies SNS topics of its own region only. Give one of the stack's region.",
          },
        ],
  );

/** The region and account of a table. */
export function placesOfTable(option: string, table: ITable | undefined): Placed[] {
  if (table === undefined) return [];
  return [
    {
      option,
      name: `the table ${nameOf(table) ?? table.node.path}`,
      place: placeOf(table.tableArn, table.env),
      advice: `${ACROSS_REGIONS} Use a table of the stack's region and account; for a replica of a global table use OutboxReplica.`,
    },
  ];
}

/** @throws OutboxError `invalid-option` for the stream of another table, if the app shows it. */
export function checkStream(table: ITable | undefined): void {
  if (table?.tableStreamArn === undefined) return;
  const { tableStreamArn } = table;
  const [made, streamOf] = [madeTableOf(table), madeTableBehind(tableStreamArn)];
  const ownName = nameOf(table);
  const streamName = tableInArn(tableStreamArn) ?? nameOfMade(streamOf);
  const [own, its] = [partsOfArn(table.tableArn), partsOfArn(tableStreamArn)];
  const differs =
    (made !== undefined && streamOf !== undefined && made !== streamOf) ||
    isOther(ownName, streamName) ||
    isOther(own.region, its.region) ||
    isOther(own.account, its.account);
  if (!differs) return;
  throw invalidOption(
    'table',
    `${described(ownName ?? table.node.path, own)} with the stream of ${described(streamName ?? streamOf?.node.path ?? 'another table', its)}`,
    'a table with its own stream',
    'The relay would publish the items of one table and mark those of another. Copy LatestStreamArn from "aws dynamodb describe-table" of this table.',
  );
}

const nameOfMade = (made: ReturnType<typeof madeTableBehind>): string | undefined => known(made?.tableName);

const isOther = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && one !== other;

const described = (name: string, { region, account }: ArnParts): string =>
  [`"${name}"`, region, account].filter((part) => part !== undefined).join(', ');

function placeOf(arn: string, otherwise: Place = {}): Place {
  const { region, account } = partsOfArn(arn);
  return { region: region ?? known(otherwise.region), account: account ?? known(otherwise.account) };
}
