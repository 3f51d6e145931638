import { Annotations, Aspects, Stack, type IAspect } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnTopic, CfnTopicPolicy, Topic, TopicPolicy, type ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct, IConstruct } from 'constructs';
import { invalidOption } from '../invalid-option';
import { all, propertiesOf } from '../look-into-app';

const CLOUDWATCH = 'cloudwatch.amazonaws.com';
const KEY_ACTIONS = ['kms:Decrypt', 'kms:GenerateDataKey*'];
/** Its policy is AWS's, and lets no service use the key: https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger */
const MANAGED_KEY = 'alias/aws/sns';

/**
 * Lets CloudWatch publish the state of alarms to a topic: completes the policies of a topic and a key that the app makes,
 * and warns of what the owner of an imported one must do. Without them an alarm fires, and nobody is told.
 *
 * @throws OutboxError `invalid-option` for a topic that CloudWatch can never publish to.
 */
export function letAlarmsPublish(scope: Construct, option: string, topic: ITopic): void {
  refuseFifo(option, topic);
  const resource = topic.node.defaultChild;
  if (!(topic instanceof Topic) || !(resource instanceof CfnTopic)) {
    warnOfImport(scope, option, topic);
    return;
  }
  refuseManagedKey(option, JSON.stringify(Stack.of(topic).resolve(resource.kmsMasterKeyId) ?? ''));
  if (resource.kmsMasterKeyId !== undefined) letUseKey(scope, option, topic);
  if (completed.has(topic)) return;
  completed.add(topic);
  Aspects.of(Stack.of(topic)).add(new PublishInPolicies(topic));
}

/** Topics whose policies are completed already: `page` and `ticket` may be one, of several outboxes. */
const completed = new WeakSet<ITopic>();
const completedKeys = new WeakSet<Key>();

function refuseFifo(option: string, topic: ITopic): void {
  if (!topic.fifo && !topic.topicArn.endsWith('.fifo')) return;
  throw invalidOption(
    `monitoring.${option}`,
    `the FIFO topic ${topic.node.path}`,
    'a standard topic',
    'CloudWatch publishes alarms without a message group, which a FIFO topic refuses.',
  );
}

function refuseManagedKey(option: string, key: string): void {
  if (!key.includes(MANAGED_KEY)) return;
  throw invalidOption(
    `monitoring.${option}`,
    `a topic that is encrypted with ${MANAGED_KEY}`,
    'a topic without encryption, or with a key of your own',
    `The policy of ${MANAGED_KEY} lets CloudWatch not use it, and nobody can change it: no alarm would be heard.`,
  );
}

function letUseKey(scope: Construct, option: string, topic: Topic): void {
  const key = topic.masterKey;
  if (!(key instanceof Key)) {
    refuseManagedKey(option, JSON.stringify(Stack.of(topic).resolve(key?.keyArn) ?? ''));
    warn(scope, option, `The key of the topic ${topic.node.path} is not made in this app.`, [keyStatement(topic)]);
    return;
  }
  if (completedKeys.has(key)) return;
  completedKeys.add(key);
  key.addToResourcePolicy(keyStatement(topic));
}

const keyStatement = (topic: ITopic): PolicyStatement =>
  new PolicyStatement({
    sid: 'OutboxAlarms',
    principals: [new ServicePrincipal(CLOUDWATCH)],
    actions: KEY_ACTIONS,
    resources: ['*'],
    conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(topic).account } },
  });

const publishStatement = (topic: ITopic): PolicyStatement =>
  new PolicyStatement({
    sid: 'OutboxAlarms',
    principals: [new ServicePrincipal(CLOUDWATCH)],
    actions: ['sns:Publish'],
    resources: [topic.topicArn],
    conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(topic).account } },
  });

/** Where there is no policy, the default one of SNS lets every alarm of the account publish. */
class PublishInPolicies implements IAspect {
  readonly #topic: ITopic;

  constructor(topic: ITopic) {
    this.#topic = topic;
  }

  visit(node: IConstruct): void {
    if (!(node instanceof TopicPolicy)) return;
    const resource = node.node.defaultChild;
    if (!(resource instanceof CfnTopicPolicy) || !resource.topics.includes(this.#topic.topicArn)) return;
    node.document.addStatements(publishStatement(this.#topic));
  }
}

/** Why a topic's own policy keeps alarms out, as far as the app shows it; empty when nothing does. */
export function publishProblems(option: string, topic: ITopic | undefined): string[] {
  if (topic === undefined) return [];
  const arn = JSON.stringify(Stack.of(topic).resolve(topic.topicArn));
  const policies = all(topic, CfnTopicPolicy)
    .map((policy) => propertiesOf(policy) as { readonly Topics?: unknown[]; readonly PolicyDocument?: Document })
    .filter(({ Topics = [] }) => Topics.some((one) => JSON.stringify(one) === arn));
  const statements = policies.flatMap(({ PolicyDocument }) => PolicyDocument?.Statement ?? []);
  if (policies.length === 0 || statements.some(letsCloudWatchPublish)) return [];
  return [
    invalidOption(
      `monitoring.${option}`,
      `the topic ${topic.node.path}, whose policy does not let CloudWatch publish`,
      'a topic that CloudWatch can publish to',
      `Add to its policy: ${JSON.stringify(publishStatement(topic).toStatementJson())}`,
    ).message,
  ];
}

interface Document {
  readonly Statement?: readonly Statement[];
}
interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly Principal?: string | { readonly Service?: string | readonly string[]; readonly AWS?: unknown };
}

function letsCloudWatchPublish({ Effect: effect, Action: action, Principal: principal }: Statement): boolean {
  if (effect !== 'Allow') return false;
  const actions = [action ?? []].flat().map((one) => one.toLowerCase());
  if (!actions.some((one) => one === '*' || one === 'sns:*' || one === 'sns:publish')) return false;
  if (principal === '*') return true;
  const { Service: service, AWS: account } = typeof principal === 'object' ? principal : {};
  return [service ?? []].flat().includes(CLOUDWATCH) || account === '*';
}

function warnOfImport(scope: Construct, option: string, topic: ITopic): void {
  const key = topic.masterKey;
  refuseManagedKey(option, JSON.stringify(Stack.of(scope).resolve(key?.keyArn) ?? ''));
  const statements = [publishStatement(topic), ...(key === undefined ? [] : [keyStatement(topic)])];
  const encrypted =
    key === undefined ? ' If it is encrypted, its key must allow kms:Decrypt and kms:GenerateDataKey* to it too.' : '';
  warn(scope, option, `The topic ${topic.node.path} is not made in this app.${encrypted}`, statements);
}

function warn(scope: Construct, option: string, reason: string, statements: readonly PolicyStatement[]): void {
  const texts = statements.map((statement) => JSON.stringify(Stack.of(scope).resolve(statement.toStatementJson())));
  Annotations.of(scope).addWarningV2(
    `dynamodb-outbox:${option}`,
    `monitoring.${option}: ${reason} CloudWatch publishes alarms only if the policies allow it; otherwise an alarm fires and nobody is told. Its owner must add, unless it is there: ${texts.join(' and to the policy of the key ')}. Set the state of one alarm by "aws cloudwatch set-alarm-state" to see whether it arrives.`,
  );
}
