import { AssertionError } from 'node:assert';
import type { Consumer } from '../consume/consumer';
import type { ConsistencyToken } from '../event/consistency-token';
import { formatReceipt } from '../event/receipt';
import type { Group } from './group';
import type { PublishedEvent } from './expect-published';

/** @throws AssertionError naming each of the tokens' events that the consumer has not applied, and the reason. */
export async function expectApplied(
  consumer: Consumer,
  tokens: readonly ConsistencyToken[],
  published: readonly PublishedEvent[],
  group: Group | undefined,
  note: string,
): Promise<void> {
  const missing: string[] = [];
  for (const token of tokens) {
    for (const { topic, isApplied, isParked } of await consumer.lag(token)) {
      if (isApplied) continue;
      const id = token.topics[topic]?.id ?? '';
      const event = published.find((each) => each.id === id && each.topic === topic);
      missing.push(`- ${shownEvent(token, topic, event)}: ${reason(id, isParked, event, group)}`);
    }
  }
  if (missing.length === 0) return;
  throw new AssertionError({
    message: `Consumer "${consumer.name}" has not applied what was expected.${note}\n\n${missing.join('\n')}`,
    actual: missing.length,
    expected: 0,
    operator: 'expectApplied',
  });
}

const shownEvent = (token: ConsistencyToken, topic: string, event: PublishedEvent | undefined): string =>
  event === undefined
    ? `an event of key "${token.key}" for topic "${topic}"`
    : `${event.type} of key "${event.key}" at ${formatReceipt(event.record)}`;

function reason(id: string, isParked: boolean, event: PublishedEvent | undefined, group: Group | undefined): string {
  if (event === undefined) return 'it is not published; call relay() first';
  const deadLettered = group?.deadLettered.get(id);
  if (deadLettered !== undefined) return `it was dead-lettered, ${deadLettered}`;
  if (isParked) return 'its key is parked: a handler failed on it or on an earlier event, or it is unreadable';
  return 'it was not delivered; call deliver() first';
}

export const tokenOf = ({ aggregate, key, source, topic, id, sequence }: PublishedEvent): ConsistencyToken => ({
  aggregate,
  key,
  source,
  position: sequence ?? id,
  topics: { [topic]: sequence === undefined ? { id } : { id, sequence } },
});
