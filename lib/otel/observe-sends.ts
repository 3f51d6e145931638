import { SpanKind, type Attributes, type Span } from '@opentelemetry/api';
import type { SendMessage, SendOutcome, SentBatch } from '../relay/telemetry-channels';
import { ATTRIBUTES } from './conventions';
import { errorTypeOf } from './error-type';
import { eventAttributes, linksTo, messageAttributes } from './links';
import { endSpan, errorAttributes, operationAttributes, Operations } from './operation';
import type { Observer } from './observer';

/** A `send` span for each batch, with a link to the creator of each of its events. */
export class SendObserver {
  readonly #observer: Observer;
  readonly #sends = new Operations<SendMessage, { readonly spans: readonly Span[] }>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  begin(message: SendMessage): void {
    const tracer = this.#observer.tracer();
    const spans = message.batches.map((batch) =>
      tracer.startSpan(`send ${batch.topic}`, {
        // Its context is not the creation context of the messages, so it is no PRODUCER.
        kind: SpanKind.CLIENT,
        attributes: {
          ...batchAttributes(batch),
          ...messageAttributes(batch.events, eventAttributes),
          [ATTRIBUTES.batchCount]: batch.events.length,
        },
        links: linksTo(batch.events, eventAttributes),
      }),
    );
    this.#sends.begin(message, { spans });
  }

  end(message: SendMessage): void {
    const send = this.#sends.end(message);
    if (send === undefined) return;
    const { operationDuration, sentMessages } = this.#observer.instruments();
    message.batches.forEach((batch, at) => {
      const outcome = message.outcomes?.[at];
      const errorType = errorTypeOfOutcome(outcome, message.error);
      const attributes = { ...batchAttributes(batch), ...errorAttributes(errorType) };
      endSpan(send.spans[at], errorType, offsetOf(batch, outcome));
      operationDuration.record(send.seconds, attributes);
      sentMessages.add(batch.events.length, attributes);
    });
  }
}

const batchAttributes = ({ topic, partition }: SentBatch): Attributes => ({
  ...operationAttributes('send'),
  [ATTRIBUTES.destination]: topic,
  [ATTRIBUTES.partition]: String(partition),
});

const offsetOf = ({ events }: SentBatch, outcome: SendOutcome | undefined): Attributes =>
  outcome?.kind === 'acked' && events.length === 1 ? { [ATTRIBUTES.offset]: Number(outcome.baseOffset) } : {};

function errorTypeOfOutcome(outcome: SendOutcome | undefined, error: unknown): string | undefined {
  if (outcome === undefined) return errorTypeOf(error);
  if (outcome.kind === 'acked') return undefined;
  if (outcome.kind === 'poison') return outcome.reason;
  return outcome.cause === undefined ? 'outage' : errorTypeOf(outcome.cause);
}
