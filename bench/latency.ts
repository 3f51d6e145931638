import { createTopics, deleteTopic } from '../local/kafka/topics';
import type { Bundles } from './bundles';
import { messageFrom, startChild } from './child-process';
import type { LatencyMeasurement } from './children/latency';
import { relayEnvironment } from './relay-environment';
import type { Servers } from './run';
import { median, percentile } from './statistics';

/** Milliseconds from the invocation with one record. */
export interface LatencyFigures {
  /** To Kafka's acknowledgement, in a process that has connections. */
  readonly warmP50Ms: number;
  readonly warmP99Ms: number;
  /** To the end of the first invocation of a process, with its mark: the median of the processes. */
  readonly firstMs: number;
}

const FIRST_PROCESSES_PER_ROUND = 2;
const WARM_INVOCATIONS = 300;
const TOPIC = 'bench-latency';

export async function measureLatency(
  bundles: Bundles,
  { brokers, stub }: Servers,
  rounds: number,
): Promise<LatencyFigures> {
  await createTopics(brokers, [{ topic: TOPIC, partitions: 12 }]);
  const measure = async (bundle: string, invocations: number): Promise<LatencyMeasurement> => {
    const child = startChild(bundles.child('latency'), {
      ...relayEnvironment(brokers, stub.endpoint, 'zstd'),
      BENCH_BUNDLE: bundle,
    });
    child.send({ topic: TOPIC, invocations });
    return (await messageFrom(child)) as LatencyMeasurement;
  };
  const first: number[] = [];
  for (let run = 0; run < FIRST_PROCESSES_PER_ROUND * rounds; run++) {
    first.push((await measure(bundles.relay, 0)).firstMs);
  }
  const warm: number[] = [];
  // Without marks an invocation ends with the acknowledgement.
  for (let run = 0; run < rounds; run++) {
    warm.push(...(await measure(bundles.relayWithoutMarks, WARM_INVOCATIONS)).warmMs);
  }
  await deleteTopic(brokers, TOPIC);
  return { warmP50Ms: median(warm), warmP99Ms: percentile(warm, 99), firstMs: median(first) };
}
