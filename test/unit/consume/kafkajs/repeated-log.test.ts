import { Kafka, logLevel, Partitioners, type LogEntry } from 'kafkajs';
import { withRepeatedLog } from '../../../../lib/consume/kafkajs/repeated-log';

function aClient() {
  const entries: LogEntry[] = [];
  const kafka = new Kafka({
    brokers: ['127.0.0.1:1'],
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => void entries.push(entry),
  });
  return { kafka, entries };
}

/** kafkajs logs a warning about its default partitioner. */
const producerOf = (kafka: Kafka) => kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });

test('a repeated error is logged once by the objects that the client creates, and as before by the client', () => {
  const { kafka, entries } = aClient();
  const before = kafka.logger();
  const producer = withRepeatedLog(kafka, () => producerOf(kafka));
  for (let n = 0; n < 5; n++) producer.logger().error('no such topic', { error: 'x', stack: 'frames' });
  producer.logger().error('no such topic', { error: 'y' });
  for (let n = 0; n < 2; n++) producer.logger().info('joined');
  expect(entries.map(({ log }): unknown[] => [log.message, log['error'], log['stack']])).toEqual([
    ['no such topic', 'x', 'frames'],
    ['no such topic', 'y', undefined],
    ['joined', undefined, undefined],
    ['joined', undefined, undefined],
  ]);
  expect(kafka.logger()).toBe(before);

  entries.length = 0;
  for (let n = 0; n < 5; n++) producerOf(kafka).logger().error('mine');
  expect(entries).toHaveLength(5);
});

test('two producers of a client share the logged lines', () => {
  const { kafka, entries } = aClient();
  for (let n = 0; n < 3; n++)
    withRepeatedLog(kafka, () => producerOf(kafka))
      .logger()
      .error('no such topic');
  expect(entries).toHaveLength(1);
});

test('the client logs as before also when nothing could be made of it', () => {
  const { kafka } = aClient();
  const before = kafka.logger();
  expect(() =>
    withRepeatedLog(kafka, () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(kafka.logger()).toBe(before);
});

test('another client is used as it is', () => {
  expect(withRepeatedLog({}, () => 'made')).toBe('made');
  expect(withRepeatedLog(Object.freeze(aClient().kafka), () => 'made')).toBe('made');
});
