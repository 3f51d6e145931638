import type { Channel, TracingChannel } from 'node:diagnostics_channel';
import { trace, type Context, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { consumerChannel, processChannel, type ConsumerReport } from '../consume/telemetry-channels';
import type { ReportChannel } from '../event/channels';
import { optional, readOptions, type OptionTable } from '../event/option-rules';
import { errorText, isRecord } from '../event/options';
import { RepeatedLines } from '../event/repeated-lines';
import { relayChannel, sendChannel, type RelayReport } from '../relay/telemetry-channels';
import { writeChannel } from '../write/write-channel';
import { activeContext, ActiveContext } from './active-context';
import { ATTRIBUTES } from './conventions';
import { instrumentsOf, SCOPE, type Instruments } from './instruments';
import { AttemptObserver } from './observe-attempts';
import { SendObserver } from './observe-sends';
import { WriteObserver } from './observe-writes';
import type { Observer } from './observer';

/** Options of {@link traceOutbox}. */
export interface OtelOptions {
  /** @default the global provider */
  readonly tracerProvider?: TracerProvider;
  /** @default the global provider */
  readonly meterProvider?: MeterProvider;
  /**
   * Whether each write has a span, `create`, whose context its events carry. `false`: the events carry the context of
   * the span that is active at the call.
   *
   * @default true
   */
  readonly createSpans?: boolean;
}

const providerOf = (method: string, allowed: string) =>
  optional((given: unknown) => isRecord(given) && typeof given[method] === 'function', allowed);

const OPTIONS = {
  tracerProvider: providerOf('getTracer', 'a TracerProvider of OpenTelemetry, or left out'),
  meterProvider: providerOf('getMeter', 'a MeterProvider of OpenTelemetry, or left out'),
  createSpans: { ...optional((given: unknown) => typeof given === 'boolean', 'true or false'), default: true },
} satisfies OptionTable<OtelOptions>;

/**
 * Creates spans and metrics by OpenTelemetry's semantic conventions for messaging, from everything that writers, relays
 * and consumers of this process do. Call it once, at the start of the process; before or after the SDK has started.
 *
 * A failure of the SDK becomes a warning of the process, repeated ever more rarely, and changes nothing else. A second
 * call creates each span and each count twice.
 *
 * @returns a function that ends it
 * @throws OutboxError `invalid-option`, naming the option, the value and what is allowed.
 * @example
 * ```ts
 * const stop = traceOutbox();
 * ```
 */
export function traceOutbox(options: OtelOptions = {}): () => void {
  const { tracerProvider, meterProvider, createSpans } = readOptions(options, OPTIONS);
  const observer: Observer = {
    tracer: () => (tracerProvider ?? trace.getTracerProvider()).getTracer(SCOPE),
    instruments: instrumentsOf(meterProvider),
  };
  const writes = new WriteObserver(observer, createSpans);
  const sends = new SendObserver(observer);
  const attempts = new AttemptObserver(observer);
  const { on, inContext } = subscriptions(failureWarning());
  const stops = [
    inContext(writeChannel, (message) => writes.begin(message)),
    on(partOf(writeChannel.asyncEnd), (message) => writes.end(message)),
    on(partOf(sendChannel.start), (message) => sends.begin(message)),
    on(partOf(sendChannel.asyncEnd), (message) => sends.end(message)),
    inContext(processChannel, (message) => attempts.begin(message)),
    on(partOf(processChannel.asyncEnd), (message) => attempts.end(message)),
    on(relayChannel, (report) => countRelay(report, observer.instruments())),
    on(consumerChannel, (report) => countConsumer(report, observer.instruments())),
  ];
  return () => stops.forEach((stop) => stop());
}

function countRelay(report: RelayReport, { relayReports, relayLatency }: Instruments): void {
  const outbox = { 'dynamodb_outbox.name': report.outbox };
  relayReports.add(1, { ...outbox, 'dynamodb_outbox.report': report.report });
  if (report.report !== 'published') return;
  for (const latency of report.latencyMs) relayLatency.record(secondsOf(latency), outbox);
}

function countConsumer(report: ConsumerReport, { consumerReports, consumerLatency }: Instruments): void {
  const consumer = { [ATTRIBUTES.group]: report.consumer };
  consumerReports.add(1, { ...consumer, 'dynamodb_outbox.report': report.report });
  if (report.report !== 'applied' || report.latencyMs === undefined) return;
  consumerLatency.record(secondsOf(report.latencyMs), consumer);
}

/** The clock of a writer may be ahead, and a histogram refuses a negative value. */
const secondsOf = (latencyMs: number): number => Math.max(0, latencyMs) / 1000;

/** A broken SDK fails at each operation; the log gets a line at first, and then ever more rarely. */
function failureWarning(): (error: unknown) => void {
  const lines = new RepeatedLines();
  return (error) => {
    const text = errorText(error);
    const line = lines.admit(text);
    if (line === undefined) return;
    const suppressed = line.leftOut === 0 ? '' : ` (and ${line.leftOut} times more before)`;
    process.emitWarning(`${text}${suppressed}`, { type: 'OutboxOpenTelemetryWarning' });
  };
}

/** The types of Node.js give listeners of a part of a tracing channel no type. */
const partOf = <Message extends object>(part: Channel<unknown, Message>): ReportChannel<Message> =>
  part as unknown as ReportChannel<Message>;

type Stop = () => void;

/** Subscribes to channels. Node.js ends the process if a subscriber throws, so `warn` gets the error instead. */
function subscriptions(warn: (error: unknown) => void) {
  const active = new ActiveContext(warn);
  const harmless =
    <Message, Result>(observe: (message: Message) => Result, fallback: () => Result) =>
    (message: Message): Result => {
      try {
        return observe(message);
      } catch (error) {
        warn(error);
        return fallback();
      }
    };
  return {
    on: <Message>(channel: ReportChannel<Message>, observe: (message: Message) => void): Stop => {
      const listener = harmless(observe, () => undefined);
      channel.subscribe(listener);
      return () => void channel.unsubscribe(listener);
    },
    /** Runs the traced work in the context that `begin` returns. */
    inContext: <Message extends object>(
      { start }: TracingChannel<unknown, Message>,
      begin: (message: Message) => Context,
    ): Stop => {
      start.bindStore(active, harmless(begin, activeContext));
      return () => void start.unbindStore(active);
    },
  };
}
