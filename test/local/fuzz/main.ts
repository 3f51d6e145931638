import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { localClientConfig, startDynamoDb } from '../../../local/dynamodb';
import { fuzz } from './fuzz';

/** `npm run fuzz -- --seed 1 --requests 10000`: the tables in memory against DynamoDB Local. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      requests: { type: 'string', default: '10000' },
    },
  });
  const [seed, requests] = [Number(values.seed), Number(values.requests)];
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(requests) || requests < 1) {
    throw new Error(`--seed and --requests are whole numbers, not ${values.seed} and ${values.requests}.`);
  }
  const server = await startDynamoDb();
  try {
    const client = new DynamoDBClient(localClientConfig(server.endpoint));
    const { summary, shortest } = await fuzz(client, seed, requests);
    console.log(summary);
    if (shortest !== undefined) {
      console.error(shortest);
      process.exitCode = 1;
    }
    client.destroy();
  } finally {
    await server.stop();
  }
}

void main();
