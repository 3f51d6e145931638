import { context, SpanKind, trace, type Attributes, type Context, type Span } from '@opentelemetry/api';
import type { ProcessedEvent, ProcessMessage } from '../consume/telemetry-channels';
import { ATTRIBUTES } from './conventions';
import { errorTypeOf } from './error-type';
import { eventAttributes, linksTo, messageAttributes } from './links';
import { endSpan, errorAttributes, operationAttributes, Operations } from './operation';
import type { Observer } from './observer';

/** A `process` span for each attempt. It is active in the handler, and links to the creator of the event. */
export class AttemptObserver {
  readonly #observer: Observer;
  readonly #attempts = new Operations<ProcessMessage, { readonly span: Span }>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  /** Returns the context for the handler and the commit. */
  begin(message: ProcessMessage): Context {
    const { events, attempt } = message;
    const span = this.#observer.tracer().startSpan(`process ${events[0]?.topic ?? ''}`, {
      kind: SpanKind.CONSUMER,
      attributes: {
        ...attemptAttributes(message),
        ...messageAttributes(events, processedAttributes),
        'dynamodb_outbox.attempt': attempt,
      },
      links: linksTo(events, processedAttributes),
    });
    this.#attempts.begin(message, { span });
    return trace.setSpan(context.active(), span);
  }

  end(message: ProcessMessage): void {
    const attempt = this.#attempts.end(message);
    if (attempt === undefined) return;
    const { outcome, error, events, isRepeated } = message;
    const errorType = error === undefined ? undefined : errorTypeOf(error);
    endSpan(attempt.span, errorType, outcome === undefined ? {} : { 'dynamodb_outbox.outcome': outcome });
    const { processDuration, consumedMessages } = this.#observer.instruments();
    const attributes = { ...attemptAttributes(message), ...errorAttributes(errorType) };
    processDuration.record(attempt.seconds, attributes);
    // Once for each delivery: the events of an undecided attempt, and those that fail together, are attempted again.
    const isDelivery = error === undefined ? outcome === 'applied' : events.length === 1;
    if (isDelivery && !isRepeated) consumedMessages.add(events.length, attributes);
  }
}

const attemptAttributes = ({ consumer, events: [first] }: ProcessMessage): Attributes => ({
  ...operationAttributes('process'),
  [ATTRIBUTES.group]: consumer,
  ...(first === undefined
    ? {}
    : { [ATTRIBUTES.destination]: first.topic, [ATTRIBUTES.partition]: String(first.partition) }),
});

const processedAttributes = (event: ProcessedEvent): Attributes => ({
  ...eventAttributes(event),
  [ATTRIBUTES.offset]: Number(event.offset),
});
