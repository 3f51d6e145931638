import type { Sleep } from '../../timing/wait';
import { classifyOf, outageOf } from './classify-error';
import type { ConnectBudget, KafkaProducers } from './producers';
import type { ProducerSession } from './session';
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
  for (;;) {
    const session = await producers.lease(budget, topic, { alone });
    const lookup = await lookUpOver(session, topic, sleep);
    if (lookup.kind === 'topic') return lookup;
    if (lookup.kind === 'poison' && session.knowsNoOther(topic)) return lookup;
    producers.spend(session, lookup.cause);
    // Another topic may be the refused one, deleted meanwhile. A producer that knows no other topic decides.
    if (lookup.kind === 'poison') alone = true;
    else if (++outages > 1) return lookup;
  }
}

/** Asks over one session. While the session knows no other topic, asks again until the topic is certainly refused. */
export async function lookUpOver(session: ProducerSession, topic: string, sleep: Sleep): Promise<TopicLookup> {
  for (let refusals = 1; ; refusals++) {
    try {
      return { kind: 'topic', partitions: (await session.lookUp(topic)).length };
    } catch (error) {
      const failure = classifyOf(topic, error);
      if (!concernsTopic(failure)) return outageOf(error);
      if (refusals >= LOOKUPS || !session.knowsNoOther(topic)) return failure;
      await sleep(PAUSE_MS);
    }
  }
}
