import { ArnFormat, RemovalPolicy, Stack, type Duration } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key, type IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Function as LambdaFunction, Runtime, type Code } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { checkVariablesLength } from './lambda-limits';

/** Options that every function of an outbox or a consumer has. */
export interface SharedFunctionProps {
  readonly logRetention: RetentionDays;
  readonly environmentEncryptionKey?: IKey;
  readonly logEncryptionKey?: IKey;
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups?: ISecurityGroup[];
}

/** Picks these from the options of a construct. */
export const sharedFunctionProps = ({
  logRetention,
  environmentEncryptionKey,
  logEncryptionKey,
  vpc,
  vpcSubnets,
  securityGroups,
}: SharedFunctionProps): SharedFunctionProps => ({
  logRetention,
  environmentEncryptionKey,
  logEncryptionKey,
  vpc,
  vpcSubnets,
  securityGroups,
});

export interface OutboxFunctionProps extends SharedFunctionProps {
  readonly description: string;
  readonly code: Code;
  /** Default: `index.handler`. */
  readonly handler?: string;
  readonly memorySize: number;
  readonly timeout: Duration;
  readonly environment: Record<string, string>;
  /** Retries of an asynchronous invocation. Default: Lambda's, two. */
  readonly retryAttempts?: number;
  readonly reservedConcurrentExecutions?: number;
}

/** A function of the outbox, with its log group and a role that may write only to that log group. */
export function outboxFunction(
  scope: Construct,
  { logRetention, logEncryptionKey, environmentEncryptionKey, ...props }: OutboxFunctionProps,
): LambdaFunction {
  checkVariablesLength(
    props.environment,
    'The list of brokers is the longest of them: three or four brokers are enough, the client discovers the others.',
  );
  const logGroup = new LogGroup(scope, 'Logs', {
    retention: logRetention,
    encryptionKey: logEncryptionKey,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  if (logEncryptionKey !== undefined) letLogsUse(logEncryptionKey, scope);
  // Not Lambda's usual managed policy, which may write to every log group of the account.
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    managedPolicies:
      props.vpc === undefined
        ? []
        : [ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaENIManagementAccess')],
  });
  logGroup.grantWrite(role);
  environmentEncryptionKey?.grantDecrypt(role);
  return new LambdaFunction(scope, 'Function', {
    handler: 'index.handler',
    ...props,
    environmentEncryption: environmentEncryptionKey,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    role,
    logGroup,
  });
}

/** CloudWatch Logs uses a key as a service principal, so the key's policy must allow it. */
function letLogsUse(key: IKey, scope: Construct): void {
  if (!(key instanceof Key)) return;
  const stack = Stack.of(scope);
  const logGroups = stack.formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'OutboxLogs',
      principals: [new ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': logGroups } },
    }),
  );
}
