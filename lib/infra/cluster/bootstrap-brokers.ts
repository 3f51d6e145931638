import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import type { BrokerAccess } from './broker-ports';

/** Names in the answer of `GetBootstrapBrokers`, for clients in the cluster's own VPC. */
const ANSWERS: Readonly<Record<BrokerAccess, string>> = {
  none: 'BootstrapBrokerString',
  tls: 'BootstrapBrokerStringTls',
  scram: 'BootstrapBrokerStringSaslScram',
  iam: 'BootstrapBrokerStringSaslIam',
};

export interface BootstrapBrokersProps {
  readonly clusterArn: string;
  readonly access: readonly BrokerAccess[];
  /** Asks again when it changes; CloudFormation would keep the old answer otherwise. */
  readonly askAgainFor: string;
}

/** Asks Amazon MSK for the addresses of a cluster's brokers at deployment: CloudFormation has no attribute for them. */
export class BootstrapBrokers extends Construct {
  readonly #lookUp: AwsCustomResource;

  constructor(scope: Construct, id: string, { clusterArn, access, askAgainFor }: BootstrapBrokersProps) {
    super(scope, id);
    const call = {
      service: 'Kafka',
      action: 'getBootstrapBrokers',
      parameters: { ClusterArn: clusterArn },
      // The whole answer has every address up to four times, and a custom resource may answer 4 KB.
      outputPaths: access.map((one) => ANSWERS[one]),
      physicalResourceId: PhysicalResourceId.of(`bootstrap-brokers-${askAgainFor}`),
    };
    this.#lookUp = new AwsCustomResource(this, 'LookUp', {
      resourceType: 'Custom::BootstrapBrokers',
      onCreate: call,
      onUpdate: call,
      policy: AwsCustomResourcePolicy.fromSdkCalls({ resources: [clusterArn] }),
      // The SDK that Lambda brings: nothing is fetched from the internet while deploying.
      installLatestAwsSdk: false,
      logGroup: awsCallLogs(this),
    });
  }

  /** `host:port` of some brokers, separated by commas. */
  of(access: BrokerAccess): string {
    return this.#lookUp.getResponseField(ANSWERS[access]);
  }
}

const LOGS_ID = 'OutboxAwsCallLogs';

/** All AWS calls of a stack are made by one function, which has one log group. */
export function awsCallLogs(scope: Construct): LogGroup {
  const stack = Stack.of(scope);
  const existing = stack.node.tryFindChild(LOGS_ID);
  if (existing instanceof LogGroup) return existing;
  return new LogGroup(stack, LOGS_ID, { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
}
