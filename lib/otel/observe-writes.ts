import { context, SpanKind, trace, type Context, type Span } from '@opentelemetry/api';
import type { ChannelEvent } from '../event/channels';
import type { WriteMessage } from '../write/write-channel';
import { ATTRIBUTES } from './conventions';
import { errorTypeOf } from './error-type';
import { eventAttributes, messageAttributes } from './links';
import { endSpan, errorAttributes, operationAttributes, Operations } from './operation';
import type { Observer } from './observer';

/** A `create` span for each write. Its context goes onto the events, because it is active while they are prepared. */
export class WriteObserver {
  readonly #observer: Observer;
  readonly #createSpans: boolean;
  readonly #writes = new Operations<WriteMessage, { readonly span: Span | undefined }>();

  constructor(observer: Observer, createSpans: boolean) {
    this.#observer = observer;
    this.#createSpans = createSpans;
  }

  /** Returns the context for the write. */
  begin(message: WriteMessage): Context {
    // The conventions forbid a span for a message whose creation context the user has passed.
    const hasSpan = this.#createSpans && message.traceContext !== 'option';
    const attributes = operationAttributes('create');
    const span = hasSpan
      ? this.#observer.tracer().startSpan('create', { kind: SpanKind.PRODUCER, attributes })
      : undefined;
    this.#writes.begin(message, { span });
    return span === undefined ? context.active() : trace.setSpan(context.active(), span);
  }

  end(message: WriteMessage): void {
    const write = this.#writes.end(message);
    if (write === undefined) return;
    const { span, seconds } = write;
    const { events = [], error } = message;
    const errorType = error === undefined ? undefined : errorTypeOf(error);
    const topic = topicOf(events);
    const destination = topic === undefined ? {} : { [ATTRIBUTES.destination]: topic };
    // The topics are known only once the input is checked.
    if (topic !== undefined) span?.updateName(`create ${topic}`);
    const about = events.length === 0 ? {} : messageAttributes(events, eventAttributes);
    endSpan(span, errorType, { ...destination, ...about });
    this.#observer.instruments().operationDuration.record(seconds, {
      ...operationAttributes('create'),
      ...destination,
      ...errorAttributes(errorType),
    });
  }
}

/** The topic of all events; `undefined` if they have several. */
function topicOf(events: readonly ChannelEvent[]): string | undefined {
  const topics = new Set(events.map(({ topic }) => topic));
  return topics.size === 1 ? [...topics][0] : undefined;
}
