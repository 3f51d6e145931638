import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { localClientConfig, startDynamoDb } from '../../../local/dynamodb';
import { fuzz } from './fuzz';

/**
 * Sends random requests to the tables in memory and to DynamoDB Local, and prints the counts and the shortest requests
 * that differ.
 *
 * @returns whether none differ
 */
export async function fuzzDynamoDb(seed: number, requests: number): Promise<boolean> {
  const server = await startDynamoDb();
  try {
    const client = new DynamoDBClient(localClientConfig(server.endpoint));
    const { summary, shortest } = await fuzz(client, seed, requests);
    console.log(summary);
    if (shortest !== undefined) console.error(shortest);
    client.destroy();
    return shortest === undefined;
  } finally {
    await server.stop();
  }
}
