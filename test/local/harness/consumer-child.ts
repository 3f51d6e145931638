import type { ConsumerConfig, Kafka } from 'kafkajs';
import { silenceTimerWarning } from '../../../lib/kafka/timer-warning';
import { aConsumer, auditing, Counts, kafkaOf, run } from './consumers';
import type { ConsumerProcessOptions, ConsumerReport } from './consumer-process';

/** A consumer in its own process. It ends with its parent. */
const { name, stack, emitsTo, sessionTimeoutMs } = JSON.parse(process.argv[2] ?? '{}') as ConsumerProcessOptions;

const tell = (report: ConsumerReport): void => {
  process.send?.(report);
};

const counts = new Counts();
const tellCounts = (): void => tell({ kind: 'told', counts: counts.take() });

const client = kafkaOf(stack.brokers);
const kafka: Pick<Kafka, 'consumer' | 'producer'> = {
  producer: (config) => client.producer(config),
  consumer: (config: ConsumerConfig) => {
    const consumer = client.consumer(config);
    consumer.on('consumer.group_join', ({ payload: { isLeader } }) => {
      if (isLeader) counts.add('generation');
      // Reports at once, because the process may be killed before the next report.
      tellCounts();
    });
    return consumer;
  },
};

silenceTimerWarning();
process.on('disconnect', () => process.exit());
const telemetry = { ...counts.telemetry, flush: tellCounts };
const emitting = emitsTo === undefined ? {} : auditing(name, emitsTo);
void run({ stack }, aConsumer({ stack }, name, { telemetry, ...emitting }), {
  kafka,
  kafkaConsumer: {
    maxWaitTimeInMs: 100,
    heartbeatInterval: 300,
    sessionTimeout: sessionTimeoutMs ?? 10_000,
  },
}).then(({ done }) => {
  tell({ kind: 'running' });
  return done;
});
