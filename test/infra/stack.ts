import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { KafkaAuthentication } from '../../lib/infra/cluster/kafka-authentication';
import { Outbox } from '../../lib/infra/outbox/outbox';
import type { OutboxProps } from '../../lib/infra/outbox/outbox-props';

export const CLUSTER_ARN = 'arn:aws:kafka:eu-west-1:111122223333:cluster/orders/6f1c1a52-7c3e-4a1e-9a53-0b3d2f1b6a77-2';
export const SECRET_ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:AmazonMSK_orders-AbCdEf';

/** Replaces the bundle, so that template tests need no build. */
export const relayCode = (): Code => Code.fromInline('exports.handler = async () => {};');

export const outboxProps = (changed: Partial<OutboxProps> = {}): OutboxProps => ({
  topics: ['orders', 'payments'],
  bootstrapBrokers: 'b-1.orders:9098,b-2.orders:9098',
  authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN }),
  relayCode: relayCode(),
  sweeperCode: relayCode(),
  ...changed,
});

/** Synthesizes once, on the first call. */
export function templateOf(stack: Stack): () => Template {
  let template: Template | undefined;
  return () => (template ??= Template.fromStack(stack));
}

export interface Synthesized {
  readonly stack: Stack;
  readonly outbox: Outbox;
  /** Synthesizes the stack, so call it after everything is in the stack. */
  readonly template: () => Template;
}

export function outboxStack(props: (stack: Stack) => Partial<OutboxProps> = () => ({})): Synthesized {
  const stack = new Stack(new App(), 'Orders', { env: { region: 'eu-west-1' } });
  const outbox = new Outbox(stack, 'Outbox', outboxProps(props(stack)));
  return { stack, outbox, template: templateOf(stack) };
}

/** The properties of every resource of a type. */
export const propertiesOf = (template: Template, type: string): Readonly<Record<string, unknown>>[] =>
  Object.values(template.findResources(type)).map(
    (resource) => (resource as { Properties: Record<string, unknown> }).Properties,
  );

/** Masks asset hashes: they change with every build, and do not describe the infrastructure. */
export const masked = (template: Template): unknown =>
  JSON.parse(JSON.stringify(template).replaceAll(/[0-9a-f]{64}/g, '<asset hash>'));

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** The statements of every inline policy except those of `except`. Actions are lists. */
export function statements(
  template: Template,
  except = /Sweeper/,
): { actions: string[]; resource: unknown; condition: unknown }[] {
  return Object.entries(template.findResources('AWS::IAM::Policy', Match.anyValue()))
    .filter(([logicalId]) => !except.test(logicalId))
    .flatMap(
      ([, policy]) =>
        (policy as { Properties: { PolicyDocument: { Statement: Statement[] } } }).Properties.PolicyDocument.Statement,
    )
    .map(({ Action, Resource, Condition }) => ({ actions: [Action].flat(), resource: Resource, condition: Condition }));
}

/** The statement that allows `action`. Fails unless there is exactly one. */
export function statementOf(template: Template, action: string): ReturnType<typeof statements>[number] {
  const found = statements(template).filter(({ actions }) => actions.includes(action));
  const [statement] = found;
  if (statement === undefined || found.length > 1) throw new Error(`${found.length} statements allow ${action}`);
  return statement;
}
