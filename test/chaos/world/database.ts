import { startDynamoDb } from '../../../local/dynamodb';

export const DATABASES = ['simulated', 'local'] as const;
export type DatabaseName = (typeof DATABASES)[number];

/** The database of a run: DynamoDB Local, or the simulated one, which has several shards. */
export interface Database {
  readonly name: DatabaseName;
  readonly endpoint: string;
  /** Splits a shard of the table. DynamoDB Local has one for ever. */
  readonly splitShard?: (tableName: string) => Promise<void>;
  stop(): Promise<void>;
}

export async function startDatabase(name: DatabaseName, logFolder: string): Promise<Database> {
  const { endpoint, stop } = await startDynamoDb({ logFolder });
  return { name, endpoint, stop };
}
