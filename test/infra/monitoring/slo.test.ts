import { Duration, Token } from 'aws-cdk-lib';
import { resolveMonitoring, type OutboxMonitoringOptions } from '../../../lib/infra/monitoring/options';
import { BURN_RATES, resolveSlo, SLO_DEFAULTS, type OutboxSlo } from '../../../lib/infra/monitoring/slo';
import { documentedDefaults } from '../documented-defaults';
import { outboxStack } from '../stack';

const shown = (value: unknown): string => (value instanceof Duration ? value.toHumanString() : String(value));
const documented: Readonly<Record<string, string>> = {
  'Duration.seconds(5)': '5 seconds',
  'Duration.minutes(5)': '5 minutes',
};

test('the @default tags are the defaults', () => {
  const tags = [...documentedDefaults('monitoring/slo.ts', 'OutboxSlo')];
  expect(Object.fromEntries(tags.map(([option, text]) => [option, documented[text!] ?? text]))).toEqual(
    Object.fromEntries(Object.entries(SLO_DEFAULTS).map(([option, value]) => [option, shown(value)])),
  );
});

test('an option that is left out has its default', () => {
  expect(resolveSlo({ objective: 0.99, maxLag: undefined })).toEqual({ ...SLO_DEFAULTS, objective: 0.99 });
});

test('the lowest objective can still be missed at the highest rate', () => {
  const highest = Math.max(...BURN_RATES.map(({ rate }) => rate));
  expect(highest * (1 - resolveSlo({ objective: 0.95 }).objective)).toBeLessThan(1);
});

test.each<[string, OutboxSlo, string]>([
  ['an objective in percent', { objective: 99.9 }, 'slo.objective'],
  ['an objective of everything', { objective: 1 }, 'slo.objective'],
  ['an objective that no alarm would hear of', { objective: 0.9 }, 'slo.objective'],
  ['an objective known at deployment', { objective: Token.asNumber({ Ref: 'Objective' }) }, 'slo.objective'],
  ['half a second', { publishWithin: Duration.millis(500) }, 'slo.publishWithin'],
  [
    'a time known at deployment',
    { publishWithin: Duration.seconds(Token.asNumber({ Ref: 'S' })) },
    'slo.publishWithin',
  ],
  ['a lag known at deployment', { maxLag: Duration.minutes(Token.asNumber({ Ref: 'M' })) }, 'slo.maxLag'],
  ['a lag that is in time', { publishWithin: Duration.minutes(5) }, 'slo.maxLag'],
  ['a lag of a quarter of the stream', { maxLag: Duration.hours(6) }, 'slo.maxLag'],
  ['no late event', { minLateEvents: 0 }, 'slo.minLateEvents'],
  ['half a late event', { minLateEvents: 0.5 }, 'slo.minLateEvents'],
])('%s: refused', (_, slo, option) => {
  expect(() => resolveSlo(slo)).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }) as Error,
  );
});

test.each<[string, OutboxMonitoringOptions, string]>([
  ['a folder of runbooks', { runbookBaseUrl: 'docs/runbooks' }, 'monitoring.runbookBaseUrl'],
  ['the ARN of a cluster', { mskClusterName: 'arn:aws:kafka:eu-west-1' }, 'monitoring.mskClusterName'],
  ['a cluster name that ends the query', { mskClusterName: "orders' OR" }, 'monitoring.mskClusterName'],
])('%s: refused', (_, options, option) => {
  expect(() => resolveMonitoring(options)).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }) as Error,
  );
});

test('a misspelt option is refused, with the one that was meant', () => {
  const slo = { publishIn: Duration.seconds(5) } as OutboxSlo;
  expect(() => outboxStack(() => ({ monitoring: { slo } }))).toThrow(
    'slo has no option "publishIn". Did you mean "publishWithin"?',
  );
  const monitoring = { pagerTopic: undefined } as OutboxMonitoringOptions;
  expect(() => outboxStack(() => ({ monitoring }))).toThrow(
    'monitoring has no option "pagerTopic". Did you mean "pageTopic"?',
  );
});

test('the relay counts events as late by the time of the objective', () => {
  const { template } = outboxStack(() => ({ monitoring: { slo: { publishWithin: Duration.seconds(30) } } }));
  template().hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { OUTBOX_KAFKA_AUTH: 'iam', OUTBOX_PUBLISH_WITHIN_MS: '30000' } },
  });
});
