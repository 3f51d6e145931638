import { startDynamoDb } from '../../../local/dynamodb';
import { startSimulatedDynamoDb } from '../../../local/simulated-dynamodb/start';

export const DATABASES = ['simulated', 'local'] as const;
export type DatabaseName = (typeof DATABASES)[number];

/** The database of a run: DynamoDB Local, or the simulated one, which has several shards. */
export interface Database {
  readonly name: DatabaseName;
  readonly endpoint: string;
  /** Splits a shard of the table. DynamoDB Local has one forever. */
  readonly splitShard?: (tableName: string) => Promise<void>;
  stop(): Promise<void>;
}

/** AWS permits these, and DynamoDB Local never shows them. */
const DEVIATIONS = { interleaving: 'within-call', interleavingMs: 5, staleMs: 200 } as const;

export async function startDatabase(name: DatabaseName, seed: number, logFolder: string): Promise<Database> {
  if (name === 'local') {
    const { endpoint, stop } = await startDynamoDb({ logFolder });
    return { name, endpoint, stop };
  }
  const { endpoint, stop, splitShard } = await startSimulatedDynamoDb({ ...DEVIATIONS, shards: 2, seed, logFolder });
  return {
    ...{ name, endpoint, stop },
    async splitShard(tableName) {
      await splitShard(tableName);
    },
  };
}
