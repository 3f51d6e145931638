import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import type { BrokerAccess } from './broker-ports';

/** Fields of the `GetBootstrapBrokers` response, for clients in the cluster's own VPC. */
const ANSWERS: Readonly<Record<BrokerAccess, string>> = {
  none: 'BootstrapBrokerString',
  tls: 'BootstrapBrokerStringTls',
  scram: 'BootstrapBrokerStringSaslScram',
  iam: 'BootstrapBrokerStringSaslIam',
};

export interface BootstrapBrokersProps {
  readonly clusterArn: string;
  readonly access: readonly BrokerAccess[];
  /** A new value repeats the look-up; otherwise CloudFormation keeps the old response. */
  readonly askAgainFor: string;
}

/** Looks up the broker addresses of an MSK cluster at deployment, because CloudFormation has no attribute for them. */
export class BootstrapBrokers extends Construct {
  readonly #lookUp: AwsCustomResource;

  constructor(scope: Construct, id: string, { clusterArn, access, askAgainFor }: BootstrapBrokersProps) {
    super(scope, id);
    const call = {
      service: 'Kafka',
      action: 'getBootstrapBrokers',
      parameters: { ClusterArn: clusterArn },
      // A custom resource may return 4 KB, and the whole response repeats every address up to four times.
      outputPaths: access.map((one) => ANSWERS[one]),
      physicalResourceId: PhysicalResourceId.of(`bootstrap-brokers-${askAgainFor}`),
    };
    this.#lookUp = new AwsCustomResource(this, 'LookUp', {
      resourceType: 'Custom::BootstrapBrokers',
      onCreate: call,
      onUpdate: call,
      policy: AwsCustomResourcePolicy.fromSdkCalls({ resources: [clusterArn] }),
      // The SDK of the Lambda runtime: the deployment downloads nothing from the internet.
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

/** One function makes all AWS calls of a stack, and it has one log group. */
export function awsCallLogs(scope: Construct): LogGroup {
  const stack = Stack.of(scope);
  const existing = stack.node.tryFindChild(LOGS_ID);
  if (existing instanceof LogGroup) return existing;
  return new LogGroup(stack, LOGS_ID, { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
}
