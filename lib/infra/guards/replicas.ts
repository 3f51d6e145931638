import { invalidOption } from '../invalid-option';

interface ReplicatedTopic {
  readonly topic: string;
  readonly replicationFactor?: number;
}

/** @throws OutboxError `invalid-option` for a topic with more replicas than brokers, which Kafka refuses. */
export function checkReplicas(topics: readonly ReplicatedTopic[], brokers: number, byDefault?: number): void {
  for (const { topic, replicationFactor = byDefault } of topics) {
    if (replicationFactor === undefined || replicationFactor <= brokers) continue;
    throw invalidOption(
      `topics["${topic}"].replicationFactor`,
      replicationFactor,
      `at most ${brokers}, the number of brokers`,
      'Kafka puts each replica on another broker.',
    );
  }
}
