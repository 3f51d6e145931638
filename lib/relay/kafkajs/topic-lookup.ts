import type { Sleep } from '../../timing/wait';
import { classifyOf, outageOf } from './classify-error';
import type { ConnectBudget, KafkaProducers } from './producers';
import type { KafkaSession } from './session';
import { concernsTopic, type TopicLookup } from '../ports';

/** Not every broker knows a new topic or a new permission at once. */
const LOOKUPS = 4;
const PAUSE_MS = 400;

/** Asks until the topic is found, is certainly refused, or two producers failed to ask. */
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
      return { kind: 'topic', partitions: (await session.lookUp(topic)).length };
    } catch (error) {
      const failure = classifyOf(topic, error);
      if (!concernsTopic(failure)) {
        producers.spend(session, error);
        if (++outages > 1) return outageOf(error);
      } else if (!session.knowsNoOther(topic)) {
        // Another topic may be the refused one, deleted meanwhile. A producer that knows no other topic decides.
        producers.spend(session, error);
        alone = true;
      } else {
        if (++refusals >= LOOKUPS) return failure;
        await sleep(PAUSE_MS);
      }
    }
  }
}

/** Asks over a session that knows no other topic, until the topic is found or certainly refused, or asking fails. */
export async function lookUpAlone(session: KafkaSession, topic: string, sleep: Sleep): Promise<TopicLookup> {
  for (let refusals = 1; ; refusals++) {
    try {
      return { kind: 'topic', partitions: (await session.lookUp(topic)).length };
    } catch (error) {
      const failure = classifyOf(topic, error);
      if (!concernsTopic(failure)) return outageOf(error);
      if (refusals >= LOOKUPS) return failure;
      await sleep(PAUSE_MS);
    }
  }
}
