import { KafkaAuthentication } from '../../lib/infra/cluster/kafka-authentication';
import { CLUSTER_ARN, outboxStack } from './stack';

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, without white space. */
const MANAGED_LENGTH = 6_144;
const INLINE_LENGTH = 10_240;
const MANAGED_OF_A_ROLE = 10;

test('the role of a relay with 300 topics fits into the limits of IAM, and names each topic', () => {
  const topics = Array.from({ length: 300 }, (_, index) => `shop.checkout.order-lifecycle.events.v${index}`);
  const { template } = outboxStack(() => ({
    topics,
    monitoring: false,
    authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN }),
  }));
  const resources = (type: string) =>
    Object.entries(template().findResources(type)).filter(([id]) => id.startsWith('OutboxRelayRole'));
  const lengths = (type: string) =>
    resources(type).map(
      ([, { Properties }]) => JSON.stringify((Properties as { PolicyDocument: unknown }).PolicyDocument).length,
    );
  const managed = lengths('AWS::IAM::ManagedPolicy');
  expect(Math.max(...managed)).toBeLessThanOrEqual(MANAGED_LENGTH);
  expect(managed.length).toBeLessThanOrEqual(MANAGED_OF_A_ROLE);
  expect(lengths('AWS::IAM::Policy').reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(INLINE_LENGTH);
  const text = JSON.stringify([...resources('AWS::IAM::Policy'), ...resources('AWS::IAM::ManagedPolicy')]);
  expect(topics.filter((topic) => !text.includes(`/${topic}"`))).toEqual([]);
});
