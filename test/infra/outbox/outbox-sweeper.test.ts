import { Duration } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { decodeSweeperConfig } from '../../../lib/sweep/environment';
import { outboxStack, statements } from '../stack';

const sweeperOf = (template: ReturnType<ReturnType<typeof outboxStack>['template']>) => {
  const [[, sweeper] = []] = Object.entries(template.findResources('AWS::Lambda::Function')).filter(([logicalId]) =>
    logicalId.includes('Sweeper'),
  );
  return (sweeper as { Properties: Record<string, unknown> & { Environment: { Variables: Record<string, string> } } })
    .Properties;
};

test('runs every hour, for as long as Lambda allows', () => {
  const template = outboxStack().template();
  expect(sweeperOf(template)).toMatchObject({ Runtime: 'nodejs24.x', MemorySize: 1024, Timeout: 900 });
  template.hasResourceProperties('AWS::Events::Rule', {
    ScheduleExpression: 'rate(1 hour)',
    Targets: [{ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^OutboxSweeperFunction'), 'Arn'] } }],
  });
});

test('is in no VPC, wherever the relay is: it needs none', () => {
  const template = outboxStack((stack) => ({ vpc: new Vpc(stack, 'Vpc') })).template();
  expect(sweeperOf(template)['VpcConfig']).toBeUndefined();
});

test('is configured so that the handler understands it', () => {
  const template = outboxStack(() => ({
    sweepInterval: Duration.minutes(10),
    fullSweepInterval: Duration.hours(6),
    overdueAfter: Duration.minutes(5),
    sweepReadUnitsPerSecond: 50,
  })).template();
  const variables = sweeperOf(template).Environment.Variables;
  const ofMapping = { Ref: expect.stringMatching(/^OutboxRelayStream/) as string };
  expect(variables).toMatchObject({ OUTBOX_MAPPING_ID: ofMapping });
  const resolved = { ...variables, OUTBOX_TABLE_NAME: 'outbox', OUTBOX_MAPPING_ID: 'its id' };
  expect(decodeSweeperConfig(resolved)).toEqual({
    tableName: 'outbox',
    mappingId: 'its id',
    fullSweepIntervalSeconds: 21_600,
    outboxName: 'Orders-Outbox',
    overdueAfterSeconds: 300,
    readUnitsPerSecond: 50,
    sweepIntervalSeconds: 600,
  });
  template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(10 minutes)' });
});

test('has the permissions of its calls, and no other', () => {
  const own = statements(outboxStack().template(), /Relay/);
  expect(own.flatMap(({ actions }) => actions).sort()).toEqual([
    'dynamodb:BatchGetItem',
    'dynamodb:DeleteItem',
    'dynamodb:DescribeTable',
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:Query',
    'dynamodb:Scan',
    'dynamodb:UpdateItem',
    'lambda:GetEventSourceMapping',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
  ]);
});

test('reads a table with replicas in every run: the relay of any region may act on its probes', () => {
  const template = outboxStack(() => ({ replicas: ['eu-central-1'] })).template();
  expect(sweeperOf(template).Environment.Variables).not.toHaveProperty('OUTBOX_MAPPING_ID');
  expect(statements(template, /Relay/).flatMap(({ actions }) => actions)).not.toContain('lambda:GetEventSourceMapping');
});

test.each([
  ['fullSweepInterval', { fullSweepInterval: Duration.minutes(30) }, 'from sweepInterval \\(1 hour\\) to 12 hours'],
  ['fullSweepInterval', { fullSweepInterval: Duration.hours(13) }, 'to 12 hours'],
  ['sweepInterval', { sweepInterval: Duration.seconds(90) }, 'whole minutes'],
  ['overdueAfter', { overdueAfter: Duration.seconds(30) }, 'at least 60'],
  ['sweepReadUnitsPerSecond', { sweepReadUnitsPerSecond: 0 }, 'an integer of at least 25'],
  ['sweepInterval', { sweepInterval: Duration.hours(8), overdueAfter: Duration.hours(5) }, 'not more than 12 hours'],
])('refuses a %s that cannot work', (option, props, allowed) => {
  expect(() => outboxStack(() => props)).toThrow(expect.objectContaining({ code: 'invalid-option' }));
  expect(() => outboxStack(() => props)).toThrow(new RegExp(`"${option}".*${allowed}`));
});
