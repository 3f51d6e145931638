import { isSnsTopic, alarmsWithoutNotification, type DeployedAlarm } from '../alarms';
import type { DeployedAlarms, NoticeTopic } from './deployment';
import { ok, unknown, warn, worstOf, wrong, type CheckResult } from './lookup';

const NOTIFY =
  'Give the Outbox construct pageTopic and ticketTopic (in the app: -c pageTopicArn=… -c ticketTopicArn=…), and deploy.';

export function checkAlarms({ namePrefix, alarms }: DeployedAlarms): CheckResult {
  if (alarms.length === 0) {
    return warn(
      `there is none whose name begins with ${namePrefix}`,
      'Leave the monitoring of the Outbox construct on, or watch its metrics with alarms of your own.',
    );
  }
  const unheard = alarmsWithoutNotification(alarms);
  if (unheard.length === alarms.length) return warn(`${alarms.length} alarms, and none has a notification`, NOTIFY);
  if (unheard.length > 0) {
    const [some, more] = [unheard.slice(0, 3).map(({ name }) => name), unheard.length - 3];
    return warn(`no notification for ${some.join(', ')}${more > 0 ? ` and ${more} more` : ''}`, NOTIFY);
  }
  const notifying = alarms.filter(({ actions }) => actions.length > 0).length;
  return ok(`${alarms.length} alarms: ${notifying} notify, by themselves or for the others`);
}

/** Checks every topic that an alarm notifies. The worst verdict counts, and each fault is named. */
export function checkTopics(topics: readonly NoticeTopic[]): CheckResult {
  if (topics.length === 0) return unknown({ because: 'no alarm notifies an SNS topic', remedy: NOTIFY });
  const checked = topics.map((topic) => ({ arn: topic.arn, ...checkTopic(topic) }));
  const worst = worstOf(checked);
  if (worst === 'ok') {
    return ok(
      `${checked.map(({ arn, found }) => `${arn}: ${found}`).join('; ')}. Whether a notice arrives only a test shows: \`outbox doctor --page-test\``,
    );
  }
  const faults = checked.filter(({ verdict }) => verdict !== 'ok');
  return {
    verdict: worst,
    found: faults.map(({ arn, found }) => `${arn}: ${found}`).join('; '),
    remedy: [...new Set(faults.flatMap(({ remedy }) => remedy ?? []))].join(' '),
  };
}

const AWS_MANAGED_KEY = 'alias/aws/sns';

function checkTopic({ arn, attributes }: NoticeTopic): CheckResult {
  if ('because' in attributes) return unknown(attributes);
  if (attributes.value === undefined) return wrong('there is no such topic', `Make it, or: ${NOTIFY}`);
  const {
    KmsMasterKeyId: key = '',
    Policy: policy = '',
    SubscriptionsConfirmed = '0',
    SubscriptionsPending = '0',
  } = attributes.value;
  if (key.endsWith(AWS_MANAGED_KEY)) {
    return wrong(
      `encrypted with ${AWS_MANAGED_KEY}, which CloudWatch may not use: no notice gets through`,
      'Encrypt it with a key of your own whose policy lets cloudwatch.amazonaws.com use it.',
    );
  }
  if (!letsCloudWatchPublish(policy)) {
    return wrong(
      'its policy lets CloudWatch not publish',
      `Allow cloudwatch.amazonaws.com sns:Publish in the policy of ${arn}.`,
    );
  }
  if (Number(SubscriptionsConfirmed) > 0) {
    return Number(SubscriptionsPending) > 0
      ? warn(
          `${SubscriptionsPending} of its subscriptions wait for their confirmation`,
          'Follow the link that SNS has sent to each, or delete them.',
        )
      : ok(`${SubscriptionsConfirmed} confirmed subscriptions`);
  }
  return warn(
    Number(SubscriptionsPending) > 0
      ? `all ${SubscriptionsPending} of its subscriptions wait for their confirmation: no notice arrives`
      : 'it has no subscription',
    Number(SubscriptionsPending) > 0
      ? 'Follow the link that SNS has sent to each.'
      : `\`aws sns subscribe --topic-arn ${arn} --protocol email --notification-endpoint …\``,
  );
}

interface Statement {
  readonly Effect?: string;
  readonly Principal?: unknown;
  readonly Action?: unknown;
}

/**
 * Whether a statement allows it. Conditions, denials and the policy of the key are not evaluated: only a test shows
 * their effect. A policy that cannot be parsed proves nothing.
 */
function letsCloudWatchPublish(policy: string): boolean {
  let statements: readonly Statement[];
  try {
    statements = [(JSON.parse(policy) as { Statement?: Statement | Statement[] }).Statement ?? []].flat();
  } catch {
    return true;
  }
  return statements.some(
    ({ Effect, Principal, Action }) =>
      Effect === 'Allow' &&
      textsOf(Action).some((action) => /^(\*|sns:(\*|publish))$/i.test(action)) &&
      textsOf(Principal).some((principal) => principal === '*' || principal === 'cloudwatch.amazonaws.com'),
  );
}

/** Every text in a value of a policy: one, a list, or an object of these. */
const textsOf = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsOf)
      : [];

export const notifiedTopics = (alarms: readonly DeployedAlarm[]): string[] => [
  ...new Set(alarms.flatMap(({ actions }) => actions.filter(isSnsTopic))),
];
