// A consumer without this project: only kafkajs, the CloudEvents SDK and Node.js.
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CloudEvent, Kafka as KafkaBinding, type KafkaMessage } from 'cloudevents';
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from 'kafkajs';

const [brokers = '', topic = '', key = ''] = process.argv.slice(2);

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(zstdCompressSync(buffer)),
  decompress: (buffer: Buffer) => Promise.resolve(zstdDecompressSync(buffer)),
});

const consumer = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).consumer({
  groupId: 'plain',
  maxWaitTimeInMs: 100,
});

/** Sends its parent every message of the key as the SDK reads it. */
async function run(): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => {
      if (String(message.key) !== key) return Promise.resolve();
      const headers = Object.fromEntries(
        Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
      );
      const value = String(message.value);
      const event = KafkaBinding.toEvent({ headers, key, value, body: value } as KafkaMessage<string>);
      if (!(event instanceof CloudEvent)) throw new Error('The binding read no single event.');
      process.send?.({ isValid: event.validate(), event: event.toJSON() });
      return Promise.resolve();
    },
  });
}

process.on('disconnect', () => process.exit());
run().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
