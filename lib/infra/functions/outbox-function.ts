import { existsSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { ArnFormat, RemovalPolicy, Stack, Token, type Duration } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key, type IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Function as LambdaFunction, Runtime, Code } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { OptionRule } from '../../event/option-rules';
import { invalidOption, requireOption } from '../options/invalid-option';
import { logRetention, unchecked, integer, type OptionTable, type Resolved } from '../options/option-table';

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

/** The directory of this package: the nearest ancestor with a package.json, from the sources as well as from `dist`. */
export function packageRoot(from: string = __dirname): string {
  for (let directory = from; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) return directory;
    if (directory === dirname(directory)) throw new Error(`No package.json in ${from} or above it.`);
  }
}

/** The options that replace the bundles. */
const CODE_OPTIONS = {
  relay: 'relayCode',
  'relay-platformatic': 'relayCode',
  sweeper: 'sweeperCode',
  topics: 'topicsCode',
  'example-consumer': 'exampleConsumerCode',
} as const;

type BundleName = keyof typeof CODE_OPTIONS;

/**
 * The code of a function that this package ships as a bundle: synthesis needs neither a bundler nor Docker.
 *
 * @throws OutboxError `invalid-option` if `root` holds no bundle.
 */
export function bundledFunction(name: BundleName, root: string = packageRoot()): Code {
  const directory = join(root, 'dist', 'lambdas', name);
  if (!existsSync(join(directory, 'index.js'))) {
    throw invalidOption(
      CODE_OPTIONS[name],
      undefined,
      `given when ${join(directory, 'index.js')} does not exist`,
      'The published package contains that bundle; in a checkout, make it with "node scripts/bundle.mjs".',
    );
  }
  return Code.fromAsset(directory);
}

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MEMORY_MB = { min: 128, max: 10_240 } as const;
const MAX_VARIABLES_LENGTH = 4_096;
const VARIABLE = /^[A-Za-z][A-Za-z0-9_]+$/;
/** Variables that Lambda sets itself and refuses to accept. */
const RESERVED =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_REGION|REGION|EXECUTION_ENV|LAMBDA_.*|ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR)$/;

export const memorySize = (byDefault: number): OptionRule<number> =>
  integer({ ...MEMORY_MB, default: byDefault, advice: 'It is in MB, and that is what Lambda allows.' });

/** @throws OutboxError `invalid-option` for variables that Lambda refuses. */
export function checkVariables(variables: Readonly<Record<string, string>>): void {
  const refused = Object.keys(variables).find((name) => !VARIABLE.test(name) || RESERVED.test(name));
  requireOption(
    refused === undefined,
    'environment',
    refused,
    'names of at least two letters, digits or "_", the first a letter, that Lambda does not reserve',
    'Lambda sets the reserved ones itself.',
  );
  checkVariablesLength(variables, 'Keep longer values in a parameter of Systems Manager.');
}

/** @throws OutboxError `invalid-option` if the variables that are known at synthesis exceed Lambda's limit. */
export function checkVariablesLength(variables: Readonly<Record<string, string>>, advice: string): void {
  const length = Object.entries(variables)
    .filter((variable) => !variable.some((text) => Token.isUnresolved(text)))
    .reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  requireOption(
    length <= MAX_VARIABLES_LENGTH,
    'environment',
    `variables of ${length} bytes`,
    `at most ${MAX_VARIABLES_LENGTH} bytes together`,
    `That is the limit of Lambda. ${advice}`,
  );
}
