import type { StreamViewType } from '@aws-sdk/client-dynamodb';

/** Sent as `x-amz-target` by the controls of the server. No SDK sends it. */
export const CONTROL = 'SimulatedDynamoDb';

/**
 * When the stream shows the records of a write.
 *
 * - `off`: at once, the records of a transaction together and in the order of its actions, as in DynamoDB Local.
 * - `within-call`: each record at a random time before the writer has its response. So the records of a transaction are
 *   in any order, and between those of transactions that run at the same time. A write that begins after the response
 *   comes later in the shard.
 * - `after-call`: each record at a random time after the response. Only the order of one item is kept, which is all
 *   that AWS documents.
 */
export type Interleaving = 'off' | 'within-call' | 'after-call';

/** AWS permits these deviations, and DynamoDB Local never shows them. */
export interface Deviations {
  /** Default `off`. */
  readonly interleaving: Interleaving;
  /** The longest delay of a record in the stream, if `interleaving` is on. Default 5. */
  readonly interleavingMs: number;
  /**
   * A read that is not strongly consistent returns the state of a random time within the last `staleMs`. Default 0:
   * the current state.
   */
  readonly staleMs: number;
}

export interface ServerOptions extends Deviations {
  /** The partitions of a new table, and so the open shards of its stream. Default 4. */
  readonly shards: number;
  /** Of all random choices. Default 1. */
  readonly seed: number;
  readonly region: string;
  /** How long a stream keeps its records. Default 24 hours. */
  readonly retentionMs: number;
}

export const SERVER_DEFAULTS: Omit<ServerOptions, 'region'> = {
  shards: 4,
  seed: 1,
  retentionMs: 24 * 3_600_000,
  interleaving: 'off',
  interleavingMs: 5,
  staleMs: 0,
};

/** A shard as `shards()` reports it. */
export interface ShardState {
  readonly shardId: string;
  readonly parentShardId?: string;
  readonly isOpen: boolean;
  /** Records in the shard, without those that were dropped. */
  readonly records: number;
}

export interface ShardSplit {
  readonly parent: string;
  readonly children: readonly string[];
}

export interface ServerStatistics {
  /** The number of requests of each operation. */
  readonly requests: Readonly<Record<string, number>>;
  /** Write units that writes consumed, by table. */
  readonly writeUnits: Readonly<Record<string, number>>;
  /** CPU time of the process. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

/** The requests of the control channel, and their responses. */
export interface ControlCalls {
  SplitShard: { request: { table: string; shardId?: string; children: 1 | 2 }; response: ShardSplit };
  ListShards: { request: { table: string }; response: { shards: readonly ShardState[] } };
  Trim: { request: { table: string; olderThanMs: number }; response: { dropped: number } };
  Expire: { request: { table: string }; response: { deleted: number } };
  Deviate: { request: Partial<Deviations>; response: Deviations };
  Statistics: { request: Record<string, never>; response: ServerStatistics };
}
export type ControlName = keyof ControlCalls;

export type ViewType = StreamViewType;
