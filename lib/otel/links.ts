import { createTraceState, type Attributes, type Link, type SpanContext } from '@opentelemetry/api';
import type { ChannelEvent } from '../event/channels';
import { keeps, RULES } from '../event/item-rules';
import { ATTRIBUTES } from './conventions';

/** The span that created the event; `undefined` if its message has no valid `traceparent`. */
export function creatorOf({ traceparent, tracestate }: ChannelEvent): SpanContext | undefined {
  if (!keeps(RULES.traceparent, traceparent)) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(keeps(RULES.tracestate, tracestate) ? { traceState: createTraceState(tracestate) } : {}),
  };
}

/** A link to the creator of each event that names one. With several events, each link says which one it is of. */
export const linksTo = <Event extends ChannelEvent>(
  events: readonly Event[],
  attributesOf: (event: Event) => Attributes,
): Link[] =>
  events.flatMap((event) => {
    const context = creatorOf(event);
    if (context === undefined) return [];
    return [events.length === 1 ? { context } : { context, attributes: attributesOf(event) }];
  });

/** The attributes of a span about these events: those of the message if it is one, else their number. */
export const messageAttributes = <Event extends ChannelEvent>(
  events: readonly Event[],
  attributesOf: (event: Event) => Attributes,
): Attributes => {
  const [only, ...others] = events;
  if (only === undefined || others.length > 0) return { [ATTRIBUTES.batchCount]: events.length };
  return attributesOf(only);
};

/** Without the key: it may be personal data. */
export const eventAttributes = ({ id, correlationId, bytes }: ChannelEvent): Attributes => ({
  [ATTRIBUTES.messageId]: id,
  ...(correlationId === undefined ? {} : { [ATTRIBUTES.conversation]: correlationId }),
  ...(bytes === undefined ? { [ATTRIBUTES.tombstone]: true } : {}),
});
