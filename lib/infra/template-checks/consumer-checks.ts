import { Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  CfnEventSourceMapping,
  type Function as LambdaFunction,
  type IEventSourceMapping,
} from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { invalidOption } from '../options/invalid-option';
import { findAll, propertiesOf, sameKindAs } from './app-tree';
import { keyProblems } from './service-policy';
import { isSameTable } from './same-table';
import { routeProblems, type CheckedNetwork } from './service-route';
import { inboxProblems, shapeProblems } from './table-shape';

/** The part of `OutboxConsumer` that the checks read. */
interface NamedConsumer extends Construct {
  readonly consumerName: string;
  readonly inbox: ITable;
  readonly eventSourceMappings: Readonly<Record<string, IEventSourceMapping>>;
}

export interface CheckedConsumer extends CheckedNetwork {
  readonly consumer: NamedConsumer;
  readonly function: LambdaFunction;
  readonly outboxes: readonly (Construct & { readonly table: ITable })[];
  readonly environmentEncryptionKey?: IKey;
}

/** Problems that show only after a deployment, each with its reason and fix. Imported resources are not checked. */
export const consumerProblems = (checked: CheckedConsumer): string[] => [
  ...shapeProblems(checked.consumer.inbox, inboxProblems),
  ...ownerProblems(checked),
  ...networkProblems(checked),
  ...groupProblems(checked),
  ...encryptionProblems(checked),
  ...nameProblems(checked),
];

/** An outbox table passes for an inbox, but its stream would deliver every record of the consumer to the relay. */
const ownerProblems = ({ consumer, outboxes }: CheckedConsumer): string[] =>
  outboxes
    .filter((outbox) => isSameTable({ user: outbox, table: outbox.table }, { user: consumer, table: consumer.inbox }))
    .map(
      ({ node }) =>
        invalidOption(
          'inbox',
          `the table of the outbox ${node.path}`,
          'a table of consumers alone',
          'The relay would park the records that the consumer writes there, and hold keys for them. Use a ConsumerInbox.',
        ).message,
    );

function networkProblems({ consumer, ...network }: CheckedConsumer): string[] {
  const without = 'it could apply nothing';
  const who = `The consumer ${consumer.consumerName}`;
  return routeProblems(consumer, network, who, { dynamodb: without, secretsmanager: without });
}

interface KafkaMapping {
  readonly EventSourceArn?: unknown;
  readonly SelfManagedEventSource?: unknown;
  readonly AmazonManagedKafkaEventSourceConfig?: { readonly ConsumerGroupId?: unknown };
  readonly SelfManagedKafkaEventSourceConfig?: { readonly ConsumerGroupId?: unknown };
}

/** Each mapping needs its own group: `a.b` may belong to a consumer `a.b`, or to a consumer `a` for its topic `b`. */
function groupProblems({ consumer }: CheckedConsumer): string[] {
  const byGroup = Map.groupBy(findAll(consumer, CfnEventSourceMapping), groupOf);
  return Object.values(consumer.eventSourceMappings)
    .map(({ node }) => node.defaultChild)
    .filter((mapping) => mapping instanceof CfnEventSourceMapping)
    .flatMap((mapping) => {
      const group = groupOf(mapping);
      const others = (byGroup.get(group) ?? []).filter((other) => group !== undefined && other !== mapping);
      if (others.length === 0) return [];
      return invalidOption(
        'consumerName',
        consumer.consumerName,
        'one whose Kafka groups belong to it alone',
        `Its mapping ${mapping.node.path} has the group and the cluster of ${others.map(({ node }) => node.path).join(' and ')}. They would share the messages, and neither would receive all of them. Use another consumerName; the group of a topic after the first is "<consumerName>.<topic>".`,
      ).message;
    });
}

/** The group and its cluster, as text; `undefined` for a mapping without a Kafka group. */
function groupOf(mapping: CfnEventSourceMapping): string | undefined {
  const properties = propertiesOf(mapping) as KafkaMapping;
  const { ConsumerGroupId } =
    properties.AmazonManagedKafkaEventSourceConfig ?? properties.SelfManagedKafkaEventSourceConfig ?? {};
  if (ConsumerGroupId === undefined) return undefined;
  const { region, account } = Stack.of(mapping);
  const { EventSourceArn, SelfManagedEventSource } = properties;
  return JSON.stringify([region, account, ConsumerGroupId, EventSourceArn, SelfManagedEventSource]);
}

const encryptionProblems = ({ consumer, environmentEncryptionKey, ...checked }: CheckedConsumer): string[] =>
  keyProblems([consumer.inbox.encryptionKey, environmentEncryptionKey], checked.function, {
    who: `consumer ${consumer.consumerName}`,
    without: 'would apply nothing',
  });

function nameProblems({ consumer }: CheckedConsumer): string[] {
  const { consumerName } = consumer;
  const owners = sameKindAs(consumer, (other) => other.consumerName === consumerName);
  if (owners.length < 2) return [];
  const paths = owners.map(({ node }) => node.path).join(' and ');
  return [
    `The consumers ${paths} have the consumerName "${consumerName}". They would share their messages, their part of the inbox or their metrics, and neither would receive every message. Give each consumer its own name.`,
  ];
}
