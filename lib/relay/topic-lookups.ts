import type { BatchItem } from './batch-item';
import type { Invocation } from './invocation';
import type { Outage, TopicLookup } from './ports';

/** One topic may fail alone. Because each lookup takes long to fail, the relay tries no more after two failures. */
const MAX_FAILED_LOOKUPS = 2;

/** The partition counts of topics, as far as one invocation has looked them up. */
export class TopicLookups {
  readonly #invocation: Invocation;
  readonly #topics = new Map<string, TopicLookup>();
  readonly #outages: Outage[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  /**
   * Returns the known partition counts of these items' topics. Each topic is looked up once per invocation, in turn,
   * because lookups share a connection. After two failed ones, only counts that the publisher knows are used.
   */
  of(items: readonly BatchItem[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const lookup = this.#last.then(() => this.#lookUpMissing(items));
    this.#last = lookup;
    return lookup;
  }

  async #lookUpMissing(items: readonly BatchItem[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const { publisher, telemetry } = this.#invocation.ports;
    const missing = new Set<string>();
    for (const { content } of items) {
      if (content.kind === 'undecodable') continue;
      for (const { topic } of content.messages) if (!this.#topics.has(topic)) missing.add(topic);
    }
    // A failed lookup costs the producer, and with it everything the producer knows.
    for (const topic of missing) {
      const partitions = publisher.knownPartitionCount?.(topic);
      if (partitions === undefined) continue;
      this.#topics.set(topic, { kind: 'topic', partitions });
      missing.delete(topic);
    }
    let lookups = 0;
    for (const topic of missing) {
      const known = this.#outages.length >= MAX_FAILED_LOOKUPS ? this.#outages[0] : undefined;
      // Each lookup may take as long as a round.
      if (lookups++ > 0 && known === undefined && !this.#invocation.hasTimeForRound) break;
      const lookup = known ?? (await publisher.partitionCount(topic));
      this.#topics.set(topic, lookup);
      if (lookup.kind !== 'outage' || known !== undefined) continue;
      this.#outages.push(lookup);
      telemetry.outage(lookup);
    }
    return this.#topics;
  }
}
