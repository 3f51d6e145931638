import { Topic, type ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { list, text, type Context } from './context-values';
import { invalidOption } from '../invalid-option';
import { RUNBOOK_BASE_URL, type OutboxMonitoringOptions } from '../monitoring/options';

/** CDK context of the app for alarm notifications. */
export interface MonitoringContext {
  /** ARN of the SNS topic for alarms that need action now: one topic, or with `regions` one in each region. */
  readonly pageTopicArn?: string[];
  /** ARN of the SNS topic for alarms that need action on the next working day; as `pageTopicArn`. */
  readonly ticketTopicArn?: string[];
  /** Base URL of the published docs/runbooks, for the links in alarms. */
  readonly runbookBaseUrl?: string;
}

/** A record, so that the compiler refuses a key that is not listed. */
export const MONITORING_KEYS: Readonly<Record<keyof MonitoringContext, true>> = {
  pageTopicArn: true,
  ticketTopicArn: true,
  runbookBaseUrl: true,
};

/** @throws OutboxError `invalid-option` for a malformed topic ARN or URL, and for a region without its own topic. */
export function parseMonitoring(own: Context, regions?: readonly string[]): MonitoringContext {
  const runbookBaseUrl = text(own, 'runbookBaseUrl');
  if (runbookBaseUrl !== undefined && !RUNBOOK_BASE_URL.test(runbookBaseUrl)) {
    throw invalidOption(
      'runbookBaseUrl',
      runbookBaseUrl,
      'a URL that begins with https:// or http://',
      'A runbook is then found at <runbookBaseUrl>/<name>.md.',
    );
  }
  return {
    pageTopicArn: topicArns(own, 'pageTopicArn', regions),
    ticketTopicArn: topicArns(own, 'ticketTopicArn', regions),
    runbookBaseUrl,
  };
}

/** The monitoring options of an outbox in `scope`, whose alarms notify the topics of its region. */
export function monitoringOf(
  scope: Construct,
  { pageTopicArn, ticketTopicArn, runbookBaseUrl }: MonitoringContext,
  region?: string,
): OutboxMonitoringOptions {
  const topic = (id: string, arns: readonly string[] = []): ITopic | undefined => {
    const arn = arns.find((each) => region === undefined || regionOf(each) === region);
    return arn === undefined ? undefined : Topic.fromTopicArn(scope, id, arn);
  };
  return {
    pageTopic: topic('PageTopic', pageTopicArn),
    ticketTopic: topic('TicketTopic', ticketTopicArn),
    runbookBaseUrl,
  };
}

const TOPIC_ARN = /^arn:[^:]+:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]+$/;

const regionOf = (arn: string): string | undefined => TOPIC_ARN.exec(arn)?.[1];

function topicArns(own: Context, key: string, regions: readonly string[] | undefined): string[] | undefined {
  const arns = list(own, key);
  if (arns === undefined) return undefined;
  const malformed = arns.find((arn) => regionOf(arn) === undefined);
  if (malformed !== undefined) {
    throw invalidOption(
      key,
      malformed,
      'an ARN such as arn:aws:sns:<region>:<account>:<name>',
      'Copy it from "aws sns list-topics".',
    );
  }
  const told = arns.map(regionOf);
  const isComplete =
    regions === undefined ? arns.length === 1 : told.toSorted().join() === [...regions].toSorted().join();
  if (!isComplete) {
    throw invalidOption(
      key,
      arns,
      regions === undefined ? 'one topic' : `one topic in each of ${regions.join(', ')}`,
      'An alarm notifies a topic of its own region.',
    );
  }
  return arns;
}
