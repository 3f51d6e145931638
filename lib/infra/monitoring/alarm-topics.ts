import { Annotations, Aspects, Stack, type IAspect } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Alias, CfnAlias, CfnKey, Key, type IKey } from 'aws-cdk-lib/aws-kms';
import { CfnTopic, CfnTopicPolicy, Topic, TopicPolicy, type ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct, IConstruct } from 'constructs';
import type { OutboxError } from '../../event/errors';
import { known } from '../options/locations';
import { invalidOption } from '../options/invalid-option';
import { findAll, propertiesOf, referencedBy } from '../template-checks/app-tree';
import { refusalOf, type ResourceStatement } from '../template-checks/service-policy';

const CLOUDWATCH = 'cloudwatch';
const KEY_ACTIONS = ['kms:Decrypt', 'kms:GenerateDataKey*'];
/**
 * AWS owns its policy; no service may use it:
 * https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
 */
const MANAGED_KEY = 'alias/aws/sns';

/**
 * Allows CloudWatch to publish the alarms of `scope` to a topic. It completes the policies of a topic and a key that
 * the app makes, and warns of what the owner of an imported one must add. Otherwise notifications never arrive.
 *
 * @throws OutboxError `invalid-option` for a topic that CloudWatch cannot publish to under any policy.
 */
export function letAlarmsPublish(scope: Construct, option: string, topic: ITopic | undefined): void {
  if (topic === undefined) return;
  const impossible = impossibleTopic(option, topic);
  if (impossible !== undefined) throw impossible;
  const made = madeTopicOf(topic);
  const key = keyOf(topic, made);
  if (made === undefined) {
    warnOfImport(scope, option, topic, key);
    return;
  }
  if (key.made === undefined && key.named !== undefined) {
    warn(scope, option, topic, `The key of the topic ${topic.node.path} is not made in this app.`, [
      keyStatement(scope),
    ]);
  }
  const { account } = Stack.of(scope);
  if (key.made?.node.scope instanceof Key && isFirst(key.made, account)) {
    key.made.node.scope.addToResourcePolicy(keyStatement(scope));
  }
  if (!(topic instanceof Topic) || !isFirst(topic, account)) return;
  const statement = publishStatement(scope, topic);
  if (!isForeign(scope, topic)) {
    Aspects.of(Stack.of(topic)).add(publishInPolicies(topic, statement));
    return;
  }
  // SNS's default policy admits only the topic's own account, and any policy replaces it.
  topic.addToResourcePolicy(statement);
  if (isFirst(topic, Stack.of(topic).account)) topic.addToResourcePolicy(publishStatement(topic, topic));
}

/** Owners of completed policies, with the accounts: several composite alarms may share one topic. */
const completed = new WeakMap<IConstruct, Set<string>>();

function isFirst(owner: IConstruct, what: string): boolean {
  const before = completed.get(owner) ?? new Set();
  completed.set(owner, before);
  const isNew = !before.has(what);
  before.add(what);
  return isNew;
}

/** The topic's resource, even if an import names it by a token. */
function madeTopicOf(topic: ITopic): CfnTopic | undefined {
  const made = topic.node.defaultChild ?? referencedBy(topic.topicArn)[0];
  return made instanceof CfnTopic ? made : undefined;
}

function keyOf(topic: ITopic, made: CfnTopic | undefined): { readonly made?: CfnKey; readonly named?: string } {
  const named = made === undefined ? topic.masterKey?.keyArn : made.kmsMasterKeyId;
  if (named === undefined) return {};
  const key: IKey | undefined = topic.masterKey instanceof Alias ? topic.masterKey.aliasTargetKey : topic.masterKey;
  const target =
    key?.keyArn === named || topic.masterKey instanceof Alias ? key?.node.defaultChild : referencedBy(named)[0];
  const resource = target instanceof CfnAlias ? referencedBy(target.targetKeyId)[0] : target;
  return { named, made: resource instanceof CfnKey ? resource : undefined };
}

function impossibleTopic(option: string, topic: ITopic): OutboxError | undefined {
  const made = madeTopicOf(topic);
  const { FifoTopic: fifo = false, KmsMasterKeyId: key } = (made === undefined ? {} : propertiesOf(made)) as {
    readonly FifoTopic?: unknown;
    readonly KmsMasterKeyId?: unknown;
  };
  if (topic.fifo || fifo === true || topic.topicArn.endsWith('.fifo')) {
    return invalidOption(
      `monitoring.${option}`,
      `the FIFO topic ${topic.node.path}`,
      'a standard topic',
      'CloudWatch publishes alarms without a message group, which a FIFO topic refuses.',
    );
  }
  const names = JSON.stringify([key, Stack.of(topic).resolve(topic.masterKey?.keyArn)]);
  if (!names.includes(MANAGED_KEY)) return undefined;
  return invalidOption(
    `monitoring.${option}`,
    `a topic that is encrypted with ${MANAGED_KEY}`,
    'a topic without encryption, or with a key of your own',
    `The policy of ${MANAGED_KEY} does not let CloudWatch use it, and cannot be changed: no notification would arrive.`,
  );
}

/** CloudWatch acts on behalf of the alarms' account, which may differ from the topic's. */
function allowCloudWatch(alarms: IConstruct, actions: string[], resource: string): PolicyStatement {
  const { account } = Stack.of(alarms);
  return new PolicyStatement({
    sid: `OutboxAlarms${known(account) ?? ''}`,
    principals: [new ServicePrincipal(`${CLOUDWATCH}.amazonaws.com`)],
    actions,
    resources: [resource],
    conditions: { StringEquals: { 'aws:SourceAccount': account } },
  });
}

const keyStatement = (alarms: IConstruct): PolicyStatement => allowCloudWatch(alarms, KEY_ACTIONS, '*');

const publishStatement = (alarms: IConstruct, { topicArn }: ITopic): PolicyStatement =>
  allowCloudWatch(alarms, ['sns:Publish'], topicArn);

function isForeign(alarms: IConstruct, topic: IConstruct): boolean {
  const [own, other] = [known(Stack.of(alarms).account), known(Stack.of(topic).account)];
  return own !== undefined && other !== undefined && own !== other;
}

/** Adds to existing policies only: SNS's default policy lets every alarm of the account publish. */
const publishInPolicies = (topic: ITopic, statement: PolicyStatement): IAspect => ({
  visit(node) {
    if (!(node instanceof TopicPolicy)) return;
    const resource = node.node.defaultChild;
    if (!(resource instanceof CfnTopicPolicy) || !resource.topics.includes(topic.topicArn)) return;
    node.document.addStatements(statement);
  },
});

/** Why notifications of the alarms in `scope` would not arrive; empty if the app shows no obstacle. */
export function publishProblems(scope: Construct, option: string, topic: ITopic | undefined): string[] {
  if (topic === undefined) return [];
  // Check again: an escape hatch may have changed the topic since.
  const impossible = impossibleTopic(option, topic);
  if (impossible !== undefined) return [impossible.message];
  const made = madeTopicOf(topic);
  const arn = resolved(topic, topic.topicArn);
  // SNS keeps one policy per topic: of several, the last deployed one wins.
  const documents = findAll(topic, CfnTopicPolicy)
    .map((policy) => propertiesOf(policy) as { readonly Topics?: unknown[]; readonly PolicyDocument?: Document })
    .filter(({ Topics = [] }) => Topics.some((one) => JSON.stringify(one) === JSON.stringify(arn)))
    .map(({ PolicyDocument = {} }) => PolicyDocument);
  const isShut = documents.length === 0 && made !== undefined && isForeign(scope, made);
  const policies: GuardedPolicy[] = (isShut ? [{}] : documents).map((document) => ({
    document,
    name: `the topic ${topic.node.path}`,
    actions: ['sns:Publish'],
    resource: arn,
    missing: text(topic, publishStatement(scope, topic)),
  }));
  const key = keyOf(topic, made).made;
  if (key !== undefined) {
    const { KeyPolicy = {} } = propertiesOf(key) as { readonly KeyPolicy?: Document };
    policies.push({
      document: KeyPolicy,
      name: `a topic with the key ${key.node.path}`,
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resource: '*',
      missing: text(topic, keyStatement(scope)),
    });
  }
  return policies.flatMap((policy) => problemOf(scope, option, policy) ?? []);
}

interface GuardedPolicy {
  readonly document: Document;
  readonly name: string;
  readonly actions: readonly string[];
  readonly resource: unknown;
  /** The statement that allows the requests. */
  readonly missing: string;
}

function problemOf(
  scope: Construct,
  option: string,
  { document, name, actions, resource, missing }: GuardedPolicy,
): string | undefined {
  const { account, region } = Stack.of(scope);
  const statements = [document.Statement ?? []].flat();
  for (const action of actions) {
    const refusal = refusalOf(statements, { service: CLOUDWATCH, action, resource, account, region });
    if (refusal === undefined) continue;
    const advice =
      refusal === 'denies'
        ? `Its policy denies ${action} to CloudWatch. Except the service principal cloudwatch.amazonaws.com from the denial, or remove it.`
        : `Its policy does not let CloudWatch publish (${action}). Add to its policy: ${missing}`;
    return invalidOption(`monitoring.${option}`, name, 'a topic that CloudWatch can publish to', advice).message;
  }
  return undefined;
}

interface Document {
  readonly Statement?: ResourceStatement | readonly ResourceStatement[];
}

const resolved = (within: IConstruct, value: unknown): unknown => Stack.of(within).resolve(value) as unknown;

const text = (within: IConstruct, statement: PolicyStatement): string =>
  JSON.stringify(resolved(within, statement.toStatementJson()));

function warnOfImport(scope: Construct, option: string, topic: ITopic, key: ReturnType<typeof keyOf>): void {
  const statements = [publishStatement(scope, topic), ...(key.named === undefined ? [] : [keyStatement(scope)])];
  const encrypted =
    key.named === undefined
      ? ' If it is encrypted, its key must allow kms:Decrypt and kms:GenerateDataKey* to it too.'
      : '';
  warn(scope, option, topic, `The topic ${topic.node.path} is not made in this app.${encrypted}`, statements);
}

/** Warns once for each topic and stack. */
function warn(
  scope: Construct,
  option: string,
  topic: ITopic,
  reason: string,
  statements: readonly PolicyStatement[],
): void {
  if (!isFirst(Stack.of(scope), JSON.stringify(resolved(scope, topic.topicArn)))) return;
  const texts = statements.map((statement) => text(scope, statement));
  Annotations.of(scope).addWarningV2(
    `dynamodb-outbox:${option}`,
    `monitoring.${option}: ${reason} CloudWatch publishes alarms only if the policies allow it; otherwise no notification of an alarm arrives. Its owner must add, unless it is there: ${texts.join(' and to the policy of the key ')}. Set the state of one alarm by "aws cloudwatch set-alarm-state" to see whether it arrives.`,
  );
}
