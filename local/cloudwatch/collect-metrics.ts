import type { LambdaInvoker } from '../event-source-mapping/invoker';
import type { EventSourceMapping } from '../event-source-mapping/mapping';
import type { MappingMetrics } from '../event-source-mapping/metrics';
import { measurementsIn } from './embedded-metrics';
import type { MetricStore } from './metric-store';

/** The parts of a stack that CloudWatch would receive metrics of, by the names that its template gives them here. */
export interface MeasuredStack {
  readonly functions: readonly { readonly name: string; readonly invoker: LambdaInvoker }[];
  readonly mapping: {
    readonly uuid: string;
    readonly functionName: string;
    readonly source: EventSourceMapping;
  };
}

/** Metrics of a mapping with `MetricsConfig: { Metrics: ['EventCount'] }`. */
const EVENT_COUNTS = [
  'PolledEventCount',
  'FilteredOutEventCount',
  'InvokedEventCount',
  'FailedInvokeEventCount',
  'DroppedEventCount',
] as const satisfies readonly (keyof MappingMetrics)[];

/**
 * Records what the functions print in the embedded metric format, and the metrics that Lambda itself would publish about
 * functions and mapping. Returns a function that ends it.
 */
export function collectMetrics({ functions, mapping }: MeasuredStack, store: MetricStore): () => void {
  const ends = [
    ...functions.map(({ name, invoker }) => collectFunction(name, invoker, store)),
    collectMapping(mapping, store),
  ];
  return () => ends.forEach((end) => end());
}

function collectFunction(functionName: string, invoker: LambdaInvoker, store: MetricStore): () => void {
  const record = recorder(store, { FunctionName: functionName });
  let rest = '';
  const onOutput = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const measurement of lines.flatMap(measurementsIn)) store.record(measurement);
  };
  const onInvoked = ({
    outcome,
    durationMs,
  }: {
    readonly outcome: { readonly kind: string };
    readonly durationMs: number;
  }): void => {
    record('Invocations', 1);
    record('Errors', outcome.kind === 'error' ? 1 : 0);
    record('Throttles', 0);
    record('ConcurrentExecutions', 1);
    record('Duration', durationMs);
  };
  invoker.on('output', onOutput).on('invoked', onInvoked);
  return () => invoker.off('output', onOutput).off('invoked', onInvoked);
}

function collectMapping({ uuid, functionName, source }: MeasuredStack['mapping'], store: MetricStore): () => void {
  const record = recorder(store, { EventSourceMappingUUID: uuid });
  const recordOfFunction = recorder(store, { FunctionName: functionName });
  let before = source.metrics();
  const onInvocation = ({ iteratorAgeMs }: { readonly iteratorAgeMs: number }): void => {
    const now = source.metrics();
    for (const name of EVENT_COUNTS) record(name, now[name] - before[name]);
    before = now;
    recordOfFunction('IteratorAge', iteratorAgeMs);
  };
  source.on('invocation', onInvocation);
  return () => source.off('invocation', onInvocation);
}

const recorder =
  (store: MetricStore, dimensions: Readonly<Record<string, string>>) =>
  (name: string, value: number): void =>
    store.record({ namespace: 'AWS/Lambda', name, dimensions, values: [value], atMs: Date.now() });
