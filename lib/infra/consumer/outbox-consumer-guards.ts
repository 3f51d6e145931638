import { Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { inboxProblems } from '../guards/inbox-shape';
import { all, isTable, keyProblems, propertiesOf, routeProblems } from '../look-into-app';
import type { ResolvedConsumerProps } from './outbox-consumer-props';

/** The part of `OutboxConsumer` that is looked at. */
interface NamedConsumer extends Construct {
  readonly consumerName: string;
  readonly inbox: ITable;
}

/**
 * What would not work once it is deployed, as far as the app shows it: of what is imported nothing is known. Each says
 * what, why and what to do.
 */
export function consumerProblems(
  consumer: NamedConsumer,
  user: LambdaFunction,
  props: ResolvedConsumerProps,
): string[] {
  return [
    ...inboxGuard(consumer),
    ...routeProblems(consumer, props, {
      who: `The consumer ${consumer.consumerName}`,
      without: 'it could apply nothing',
    }),
    ...keyGuard(consumer, user, props),
    ...nameGuard(consumer),
  ];
}

function inboxGuard({ inbox }: NamedConsumer): string[] {
  const resource = inbox.node.defaultChild;
  return isTable(resource) ? inboxProblems(propertiesOf(resource)) : [];
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
