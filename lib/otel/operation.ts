import { SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api';
import { ATTRIBUTES } from './conventions';

/** The attributes that every span and metric of an operation has. */
export const operationAttributes = (operation: 'create' | 'send' | 'process'): Attributes => ({
  [ATTRIBUTES.system]: 'kafka',
  [ATTRIBUTES.operationName]: operation,
  [ATTRIBUTES.operationType]: operation,
});

/** The attributes of a failure, for the span and for the metrics of one operation; none without `errorType`. */
export const errorAttributes = (errorType: string | undefined): Attributes =>
  errorType === undefined ? {} : { [ATTRIBUTES.errorType]: errorType };

/** Ends a span. Error messages stay out of it: they may contain keys and data. */
export function endSpan(span: Span | undefined, errorType: string | undefined, attributes: Attributes = {}): void {
  if (span === undefined) return;
  span.setAttributes({ ...attributes, ...errorAttributes(errorType) });
  if (errorType !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The operations in progress, by the message that their channel publishes. */
export class Operations<Message extends object, State> {
  readonly #running = new WeakMap<Message, State & { readonly startedAt: number }>();

  begin(message: Message, state: State): void {
    this.#running.set(message, { ...state, startedAt: performance.now() });
  }

  /** `undefined` if the operation began before anything was observed. */
  end(message: Message): (State & { readonly seconds: number }) | undefined {
    const state = this.#running.get(message);
    if (state === undefined) return undefined;
    this.#running.delete(message);
    return { ...state, seconds: (performance.now() - state.startedAt) / 1000 };
  }
}
