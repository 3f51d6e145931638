import type { Sleep } from '../backoff';
import { classifyOf, concernsTopic, outageOf } from '../classify';
import type { ConnectBudget, KafkaProducers } from './producers';
import type { KafkaSession } from './session';
import type { TopicLookup } from '../ports';

/** A topic just created is not known to every broker at once, nor is a permission just granted. */
const LOOKUPS = 4;
const PAUSE_MS = 400;

/** Asks until the topic is found, refused beyond doubt, or two producers failed to ask. */
export async function lookUpTopic(
  producers: KafkaProducers,
  budget: ConnectBudget,
  topic: string,
  sleep: Sleep,
): Promise<TopicLookup> {
  let alone = false;
  let outages = 0;
  let refusals = 0;
  for (;;) {
    const session = await producers.lease(budget, topic, { alone });
    try {
      return { kind: 'topic', partitions: await session.lookUpPartitions(topic) };
    } catch (error) {
      const failure = classifyOf(topic, error);
      if (!concernsTopic(failure)) {
        producers.spend(session, error);
        if (++outages > 1) return outageOf(error);
      } else if (!session.knowsNoOther(topic)) {
        // One of the others may be the culprit, deleted meanwhile: a producer that knows none of them will tell.
        producers.spend(session, error);
        alone = true;
      } else {
        if (++refusals >= LOOKUPS) return failure;
        await sleep(PAUSE_MS);
      }
    }
  }
}

/** Asks over a session that knows no other topic until the topic is found or refused beyond doubt, or asking fails. */
export async function lookUpAlone(session: KafkaSession, topic: string, sleep: Sleep): Promise<TopicLookup> {
  for (let refusals = 1; ; refusals++) {
    try {
      return { kind: 'topic', partitions: await session.lookUpPartitions(topic) };
    } catch (error) {
      const failure = classifyOf(topic, error);
      if (!concernsTopic(failure)) return outageOf(error);
      if (refusals >= LOOKUPS) return failure;
      await sleep(PAUSE_MS);
    }
  }
}
