import { App, Stack } from 'aws-cdk-lib';
import type { Template } from 'aws-cdk-lib/assertions';
import { OutboxCluster } from '../../lib/infra/cluster/outbox-cluster';
import { OutboxConsumer } from '../../lib/infra/consumer/outbox-consumer';
import type { OutboxConsumerProps } from '../../lib/infra/consumer/outbox-consumer-props';
import { OutboxNetwork } from '../../lib/infra/cluster/outbox-network';
import { relayCode, templateOf } from './stack';

export interface SynthesizedConsumer {
  readonly stack: Stack;
  readonly consumer: OutboxConsumer;
  /** Synthesizes the stack, so call it after everything is in the stack. */
  readonly template: () => Template;
}

/** The props that all test stacks share. */
export const consumerProps = (changed: Partial<OutboxConsumerProps> = {}): OutboxConsumerProps => ({
  consumerName: 'shipping',
  topics: ['orders'],
  code: relayCode(),
  topicsCode: relayCode(),
  ...changed,
});

export const stackInRegion = (): Stack => new Stack(new App(), 'Shop', { env: { region: 'eu-west-1' } });

export const readableNetwork = (stack: Stack): OutboxNetwork =>
  new OutboxNetwork(stack, 'Network', { consumerMappings: 'provisioned' });

/** A consumer on a cluster of MSK Serverless, unless `changed` says otherwise. */
export function consumerStack(
  changed: (stack: Stack) => Partial<OutboxConsumerProps> = () => ({}),
): SynthesizedConsumer {
  const stack = stackInRegion();
  const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: readableNetwork(stack) });
  const consumer = new OutboxConsumer(stack, 'Shipping', consumerProps({ cluster, ...changed(stack) }));
  return { stack, consumer, template: templateOf(stack) };
}
