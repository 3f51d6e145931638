import type { KafkaTopicAdmin } from '../topics/kafka-admin';
import type { FoundTopic } from '../topics/plan';

/** The properties of topics, and the names of those that do not exist, both sorted. */
export interface ReadTopics {
  readonly topics: Readonly<Record<string, FoundTopic>>;
  readonly missing: readonly string[];
}

/** Reads one topic after the other: a cluster may have many, and limits the requests of a client. */
export async function readTopics(admin: Pick<KafkaTopicAdmin, 'find'>, names: readonly string[]): Promise<ReadTopics> {
  const topics: [string, FoundTopic][] = [];
  const missing: string[] = [];
  for (const name of names.toSorted()) {
    const found = await admin.find(name);
    if (found === undefined) missing.push(name);
    else topics.push([name, found]);
  }
  return { topics: Object.fromEntries(topics), missing };
}
