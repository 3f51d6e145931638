import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AwsCustomResource, AwsCustomResourcePolicy, type AwsSdkCall } from 'aws-cdk-lib/custom-resources';
import type { Construct } from 'constructs';

/** An AWS call that reads one resource at each deployment. A new physical id repeats it. */
interface AwsLookUp {
  readonly resourceType: string;
  readonly resourceArn: string;
  readonly call: AwsSdkCall;
}

/** The resource `LookUp` in `scope`, whose response fields are known at deployment. */
export const awsLookUp = (scope: Construct, { resourceType, resourceArn, call }: AwsLookUp): AwsCustomResource =>
  new AwsCustomResource(scope, 'LookUp', {
    resourceType,
    onCreate: call,
    onUpdate: call,
    policy: AwsCustomResourcePolicy.fromSdkCalls({ resources: [resourceArn] }),
    // The SDK of the Lambda runtime: the deployment downloads nothing from the internet.
    installLatestAwsSdk: false,
    logGroup: logGroupOf(Stack.of(scope)),
  });

const LOGS_ID = 'OutboxAwsCallLogs';

/** One function makes all AWS calls of a stack, and it has one log group. */
function logGroupOf(stack: Stack): LogGroup {
  const existing = stack.node.tryFindChild(LOGS_ID);
  if (existing instanceof LogGroup) return existing;
  return new LogGroup(stack, LOGS_ID, { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
}
