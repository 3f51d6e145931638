import { Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  CfnEventSourceMapping,
  type Function as LambdaFunction,
  type IEventSourceMapping,
} from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { readsSecret } from '../cluster/kafka-authentication';
import { inboxProblems } from '../guards/inbox-shape';
import { isSameTable } from '../guards/same-table';
import { invalidOption } from '../invalid-option';
import { all, isTable, keyProblems, propertiesOf, routeProblems } from '../look-into-app';
import { Outbox } from '../outbox';
import type { ResolvedConsumerProps } from './outbox-consumer-props';

/** The part of `OutboxConsumer` that the guards read. */
interface NamedConsumer extends Construct {
  readonly consumerName: string;
  readonly inbox: ITable;
  readonly eventSourceMappings: Readonly<Record<string, IEventSourceMapping>>;
}

/**
 * Problems that would show only after the deployment. The guards know nothing about imported resources. Each message
 * names the problem, the reason and the fix.
 */
export function consumerProblems(
  consumer: NamedConsumer,
  user: LambdaFunction,
  props: ResolvedConsumerProps,
): string[] {
  return [
    ...inboxGuard(consumer),
    ...outboxTableGuard(consumer),
    ...routeGuard(consumer, props),
    ...groupGuard(consumer),
    ...keyGuard(consumer, user, props),
    ...nameGuard(consumer),
  ];
}

function inboxGuard({ inbox }: NamedConsumer): string[] {
  const resource = inbox.node.defaultChild;
  return isTable(resource) ? inboxProblems(propertiesOf(resource)) : [];
}

/** An outbox table passes for an inbox, but its stream would deliver every record of the consumer to the relay. */
function outboxTableGuard(consumer: NamedConsumer): string[] {
  return all(consumer, Outbox)
    .filter((outbox) => isSameTable({ user: outbox, table: outbox.table }, { user: consumer, table: consumer.inbox }))
    .map(
      ({ node }) =>
        invalidOption(
          'inbox',
          `the table of the outbox ${node.path}`,
          'a table of consumers alone',
          'The relay would park what the consumer notes there, and hold keys for it. Use a ConsumerInbox.',
        ).message,
    );
}

function routeGuard(consumer: NamedConsumer, props: ResolvedConsumerProps): string[] {
  const user = { who: `The consumer ${consumer.consumerName}`, without: 'it could apply nothing' };
  return [
    ...routeProblems(consumer, props, user, 'dynamodb'),
    ...(readsSecret(props.authentication) ? routeProblems(consumer, props, user, 'secretsmanager') : []),
  ];
}

interface KafkaMapping {
  readonly EventSourceArn?: unknown;
  readonly SelfManagedEventSource?: unknown;
  readonly AmazonManagedKafkaEventSourceConfig?: { readonly ConsumerGroupId?: unknown };
  readonly SelfManagedKafkaEventSourceConfig?: { readonly ConsumerGroupId?: unknown };
}

/** Each mapping needs its own group: `a.b` may belong to a consumer `a.b`, or to a consumer `a` for its topic `b`. */
function groupGuard(consumer: NamedConsumer): string[] {
  const byGroup = new Map<string, string[]>();
  const own = Object.values(consumer.eventSourceMappings).map(({ node }) => node.defaultChild);
  for (const mapping of all(consumer, CfnEventSourceMapping)) {
    const group = groupOf(mapping);
    if (group !== undefined) byGroup.set(group, [...(byGroup.get(group) ?? []), mapping.node.path]);
  }
  return own
    .filter((mapping) => mapping instanceof CfnEventSourceMapping)
    .flatMap((mapping) => {
      const paths = byGroup.get(groupOf(mapping) ?? '') ?? [];
      const others = paths.filter((path) => path !== mapping.node.path);
      if (others.length === 0) return [];
      return invalidOption(
        'consumerName',
        consumer.consumerName,
        'one whose Kafka groups belong to it alone',
        `Its mapping ${mapping.node.path} has the group and the cluster of ${others.join(' and ')}. They would share the messages, and none would see everything. Use another consumerName; the group of a topic after the first is "<consumerName>.<topic>".`,
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

function keyGuard(
  consumer: NamedConsumer,
  user: LambdaFunction,
  { environmentEncryptionKey }: ResolvedConsumerProps,
): string[] {
  const keys = new Set<IKey>(
    [consumer.inbox.encryptionKey, environmentEncryptionKey].filter((key) => key !== undefined),
  );
  const who = `consumer ${consumer.consumerName}`;
  return [...keys].flatMap((key) => keyProblems(key, user, { who, without: 'would apply nothing' }));
}

function nameGuard(consumer: NamedConsumer): string[] {
  const { region, account } = Stack.of(consumer);
  const owners = all(consumer, consumer.constructor as new (...args: never[]) => NamedConsumer)
    .filter((one) => one.consumerName === consumer.consumerName)
    .filter((one) => Stack.of(one).region === region && Stack.of(one).account === account)
    .map(({ node }) => node.path);
  if (owners.length < 2) return [];
  return [
    `The consumers ${owners.join(' and ')} have the consumerName "${consumer.consumerName}". They would share their messages, their part of the inbox or their metrics, and none would see everything. Give each a name of its own.`,
  ];
}
