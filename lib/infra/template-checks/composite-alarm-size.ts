import { Token } from 'aws-cdk-lib';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html */
const MAX_ALARMS = 100;
const MAX_RULE_LENGTH = 10_240;

/** Why CloudWatch would refuse a composite alarm of alarms with these names; `undefined` if it would not. */
export function compositeAlarmProblem(path: string, names: readonly string[], region: string): string | undefined {
  const length = ruleLength(names, Token.isUnresolved(region) ? 'eu-west-1' : region);
  if (names.length <= MAX_ALARMS && length <= MAX_RULE_LENGTH) return undefined;
  return `The composite alarm ${path} gathers ${names.length} alarms in a rule of about ${length} characters. CloudWatch takes ${MAX_ALARMS} alarms and ${MAX_RULE_LENGTH} characters. Leave "outbox" out of the monitoring of some consumers, which then have composite alarms of their own, or divide the topics of a consumer among several.`;
}

/** A composite alarm names its alarms by their ARNs. */
const ruleLength = (names: readonly string[], region: string): number =>
  names.map((name) => `ALARM("arn:aws:cloudwatch:${region}:111122223333:alarm:${name}")`).join(' OR ').length;
