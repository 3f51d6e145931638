import { ArnFormat, RemovalPolicy, Stack, type Duration } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key, type IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Function as LambdaFunction, Runtime, type Code } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { logRetention, unchecked, type OptionTable, type Resolved } from '../options/option-table';
import { checkVariablesLength } from './lambda-limits';

/** Options of the functions that a construct makes. */
export interface OutboxFunctionProps {
  /**
   * Key that encrypts the functions' environment variables at rest. The construct sets only names and addresses, no
   * secrets.
   *
   * @default - a key that Lambda owns
   */
  readonly environmentEncryptionKey?: IKey;

  /**
   * Key that encrypts the logs. If the app makes the key, the construct allows CloudWatch Logs to use it; the owner of
   * an imported key must do so.
   *
   * @default - a key that CloudWatch Logs owns
   */
  readonly logEncryptionKey?: IKey;

  /**
   * Retention of the functions' logs.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
}

export const FUNCTION_OPTIONS = {
  ...unchecked('environmentEncryptionKey', 'logEncryptionKey'),
  logRetention: logRetention(),
} satisfies OptionTable<OutboxFunctionProps>;

interface FunctionSettings {
  readonly options: Resolved<OutboxFunctionProps, typeof FUNCTION_OPTIONS>;
  /** The network of a function that connects to Kafka. */
  readonly network?: {
    readonly vpc?: IVpc;
    readonly vpcSubnets?: SubnetSelection;
    readonly securityGroups?: ISecurityGroup[];
  };
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

/** kafkajs schedules timers with a negative delay, and Node.js 24 warns about them on every cold start. */
const KAFKAJS_VARIABLES = { NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning' };

/** A function of the outbox, with its log group and a role that may write only to that log group. */
export function outboxFunction(scope: Construct, { options, network, ...props }: FunctionSettings): LambdaFunction {
  const { environmentEncryptionKey, logEncryptionKey } = options;
  const environment = { ...(network === undefined ? {} : KAFKAJS_VARIABLES), ...props.environment };
  checkVariablesLength(
    environment,
    'The list of brokers is the longest of them: three or four brokers are enough, the client discovers the others.',
  );
  const logGroup = new LogGroup(scope, 'Logs', {
    retention: options.logRetention,
    encryptionKey: logEncryptionKey,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  if (logEncryptionKey !== undefined) letLogsUse(logEncryptionKey, scope);
  // Not Lambda's usual managed policy, which may write to every log group of the account.
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    managedPolicies:
      network?.vpc === undefined
        ? []
        : [ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaENIManagementAccess')],
  });
  logGroup.grantWrite(role);
  environmentEncryptionKey?.grantDecrypt(role);
  return new LambdaFunction(scope, 'Function', {
    handler: 'index.handler',
    ...props,
    vpc: network?.vpc,
    vpcSubnets: network?.vpcSubnets,
    securityGroups: network?.securityGroups,
    environment,
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
