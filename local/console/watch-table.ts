import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeStreamCommand, DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord } from 'aws-lambda';
import { MAX_READ, ShardReader } from '../event-source-mapping/shard-reader';
import type { Stack } from '../stack';

const POLL_MS = 150;
const DISCOVER_EVERY_MS = 5_000;

/**
 * Reads the table's stream, from its beginning, as a second reader next to the mapping: the console must see what is
 * committed while the relay fails or the mapping is disabled. Returns a function that ends it.
 */
export function watchTable(
  { clientConfig, streamArn, region }: Stack,
  onRecords: (records: readonly DynamoDBRecord[]) => void,
): () => Promise<void> {
  const client = new DynamoDBStreamsClient(clientConfig);
  const ended = new AbortController();
  const { signal } = ended;
  const readers = new Map<string, Promise<void>>();
  const pause = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal }).catch(() => undefined);

  const readShard = async (shardId: string): Promise<void> => {
    const reader = new ShardReader(client, { streamArn, shardId, region }, { ShardIteratorType: 'TRIM_HORIZON' });
    while (!signal.aborted) {
      try {
        const { records, closed } = await reader.read(MAX_READ);
        if (records.length > 0) onRecords(records.map(({ event }) => event));
        else if (closed) return;
      } catch {
        // Read again from the same position: DynamoDB may be unavailable for a while.
      }
      await pause(POLL_MS);
    }
  };
  const discover = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const { StreamDescription: stream } = await client.send(new DescribeStreamCommand({ StreamArn: streamArn }));
        for (const { ShardId: shardId = '' } of stream?.Shards ?? []) {
          if (!readers.has(shardId)) readers.set(shardId, readShard(shardId));
        }
      } catch {
        // As above.
      }
      await pause(DISCOVER_EVERY_MS);
    }
  };
  const discovering = discover();
  return async () => {
    ended.abort();
    await discovering;
    await Promise.all(readers.values());
    client.destroy();
  };
}
