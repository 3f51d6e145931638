import { PhysicalResourceId, type AwsCustomResource } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { awsLookUp } from '../functions/aws-look-up';
import type { BrokerAccess } from './broker-reach';

/** Fields of the `GetBootstrapBrokers` response, for clients in the cluster's own VPC. */
const RESPONSE_FIELDS: Readonly<Record<BrokerAccess, string>> = {
  none: 'BootstrapBrokerString',
  tls: 'BootstrapBrokerStringTls',
  scram: 'BootstrapBrokerStringSaslScram',
  iam: 'BootstrapBrokerStringSaslIam',
};

export interface BootstrapBrokersProps {
  readonly clusterArn: string;
  readonly access: readonly BrokerAccess[];
  /** A new value repeats the look-up; otherwise CloudFormation keeps the old response. */
  readonly repeatFor: string;
}

/** Looks up the broker addresses of an MSK cluster at deployment, because CloudFormation has no attribute for them. */
export class BootstrapBrokers extends Construct {
  readonly #lookUp: AwsCustomResource;

  constructor(scope: Construct, id: string, { clusterArn, access, repeatFor }: BootstrapBrokersProps) {
    super(scope, id);
    this.#lookUp = awsLookUp(this, {
      resourceType: 'Custom::BootstrapBrokers',
      resourceArn: clusterArn,
      call: {
        service: 'Kafka',
        action: 'getBootstrapBrokers',
        parameters: { ClusterArn: clusterArn },
        // A custom resource may return 4 KB, and the whole response repeats every address up to four times.
        outputPaths: access.map((one) => RESPONSE_FIELDS[one]),
        physicalResourceId: PhysicalResourceId.of(`bootstrap-brokers-${repeatFor}`),
      },
    });
  }

  /** `host:port` of some brokers, separated by commas. */
  of(access: BrokerAccess): string {
    return this.#lookUp.getResponseField(RESPONSE_FIELDS[access]);
  }
}
