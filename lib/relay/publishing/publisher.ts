import { wait, type Sleep } from '../../timing/wait';
import { outageOf, classify } from './classify-error';
import { slowestLookUpMs, slowestPublishMs } from '../environment';
import { withinDeadline } from './deadline';
import { KafkaProducers, type ProducersOptions } from './producers';
import { Publication } from './publication';
import { Quarantine } from './quarantine';
import { lookUpTopic } from './topic-lookup';
import { METADATA_MAX_AGE_MS, type PartitionState } from './session';
import { concernsTopic, type Publisher } from '../ports';

/** The options of a publisher, whatever its client. */
export interface PublisherOptions extends Omit<ProducersOptions, 'idleRebuildMs'> {
  /** Topics that are known to exist, even if unused. They show whether other partitions work. */
  readonly topics?: readonly string[];
  /** A producer that was idle for this long is replaced before its next use. Default: 4 minutes. */
  readonly idleRebuildMs?: number;
  readonly sleep?: Sleep;
}

export interface KafkaPublisher extends Required<Publisher> {
  /** Ends the connections; resolves when they are closed, never rejects. */
  close(): Promise<void>;
}

const IDLE_REBUILD_MS = 4 * 60_000;

/**
 * A publisher over the sessions of a Kafka client. Three rules keep a client from losing acknowledged records: the
 * answer must name every expected partition; a producer whose send failed is never used again; a client whose connect
 * failed is never used again.
 *
 * Each partition gets its own outcome. A batch without an offset is sent once more, over a new producer with one send
 * per partition. A partition that keeps failing is then sent to only in that way, so that it costs the others neither
 * their producer nor a second copy. Calls run one after the other, because two concurrent sends of one producer would
 * share sequence numbers.
 */
export function createPublisher(options: PublisherOptions): KafkaPublisher {
  const { sleep = wait, idleRebuildMs = IDLE_REBUILD_MS } = options;
  const producers = new KafkaProducers({ ...options, idleRebuildMs });
  const quarantine = new Quarantine(options.clock);
  const topics = new Set(options.topics);
  /** Outlives the producers: if one fails for a topic, its metadata of the other topics is lost. */
  const lookedUp = new Map<string, { readonly partitions: number; readonly at: number }>();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    // The caller gets the failure through `turn`; the next call only waits for its end.
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    knownPartitionCount(topic) {
      const found = lookedUp.get(topic);
      const isFresh = found !== undefined && options.clock.now() - found.at < METADATA_MAX_AGE_MS;
      return producers.current?.knownPartitions(topic) ?? (isFresh ? found.partitions : undefined);
    },
    partitionCount(topic) {
      const partitions = producers.current?.knownPartitions(topic);
      if (partitions !== undefined) return Promise.resolve({ kind: 'topic', partitions });
      const lookUp = inTurn(() => lookUpTopic(producers, producers.newBudget(), topic, sleep)).then((found) => {
        if (found.kind === 'topic') {
          topics.add(topic);
          lookedUp.set(topic, { partitions: found.partitions, at: options.clock.now() });
        }
        return found;
      });
      return withinDeadline(lookUp, `lookup of topic "${topic}"`, slowestLookUpMs(options)).catch(outageOf);
    },
    async publish(batches) {
      const publication = new Publication(producers, quarantine, options.clock, sleep, batches);
      try {
        await withinDeadline(
          inTurn(() => publication.run()),
          'publish',
          slowestPublishMs(options),
        );
      } catch (error) {
        return publication.outcomes(outageOf(error));
      }
      return publication.outcomes();
    },
    otherPartitionsInSync(topic, partition) {
      const asking = anyOtherInSync(producers, topic, partition, topics);
      return withinDeadline(asking, 'metadata request', slowestLookUpMs(options)).catch(() => false);
    },
    close: () => inTurn(() => producers.close()),
  };
}

/** Enough topics to find a partition in sync, and few enough to ask for all in time. */
const MAX_TOPICS = 20;

/**
 * Whether fresh metadata show a partition in sync other than `partition` of `topic`: first of the same topic, then of
 * `others`. Opens a new connection, because only one that knows no topic yet asks the brokers for each topic. Rejects
 * if no broker answers.
 */
async function anyOtherInSync(
  producers: KafkaProducers,
  topic: string,
  partition: number,
  others: Iterable<string>,
): Promise<boolean> {
  const session = await producers.open(producers.newBudget(), topic);
  try {
    for (const name of [...new Set([topic, ...others])].slice(0, MAX_TOPICS)) {
      const metadata = await session.lookUp(name).catch(noneIfRefused);
      if (metadata.some((other) => isInSync(other) && !(name === topic && other.partitionId === partition)))
        return true;
    }
    return false;
  } finally {
    void session.discard();
  }
}

/** A topic deleted meanwhile proves nothing about the others. If the brokers do not answer, the search ends. */
function noneIfRefused(error: unknown): readonly PartitionState[] {
  if (concernsTopic(classify(error))) return [];
  throw error;
}

/**
 * Does not require all replicas: while one of three brokers is down, no partition has all of them, and the cluster
 * works. With two of three down, every leader is alone.
 */
const isInSync = ({ leader, replicas, isr }: PartitionState): boolean =>
  leader >= 0 && isr.length >= Math.min(2, replicas.length);
