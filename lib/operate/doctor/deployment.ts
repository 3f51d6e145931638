import type { ContinuousBackupsDescription, TableDescription, TimeToLiveDescription } from '@aws-sdk/client-dynamodb';
import type { EventSourceMappingConfiguration, FunctionConfiguration } from '@aws-sdk/client-lambda';
import type { Control } from '../../event/control';
import type { HomeRegion } from '../../event/home-region';
import type { DeployedAlarm } from '../alarms';
import type { BrokerReachability } from '../kafka-metadata';
import type { Lookup } from './lookup';

/** A deployed outbox, in AWS's own terms. */
export interface Deployment {
  readonly tableName: string;
  /** For a table with several regions: those for which the relay here publishes. */
  readonly home?: HomeRegion;
  /** `undefined`: there is no such table. */
  readonly table: Lookup<TableDescription | undefined>;
  readonly timeToLive: Lookup<TimeToLiveDescription>;
  readonly backups: Lookup<Partial<ContinuousBackupsDescription>>;
  readonly state: Lookup<Pick<Control, 'streamArn' | 'gapSuspectedSince' | 'owner'>>;
  /** The readers of every stream that the table has had. */
  readonly readers: Lookup<readonly Reader[]>;
  readonly sweeper: Lookup<FunctionConfiguration | undefined>;
  readonly sweeperConcurrency: Lookup<number | undefined>;
  readonly sweeperRights: Lookup<Rights>;
  readonly sweeperRuns: Lookup<SweeperRuns>;
  /** The brokers of every function that is known to use Kafka. */
  readonly brokers: Lookup<readonly FunctionBrokers[]>;
  readonly alarms: Lookup<DeployedAlarms>;
  readonly noticeTopics: Lookup<readonly NoticeTopic[]>;
  readonly permissions: Lookup<Permissions>;
  readonly localMapping?: 'Enabled' | 'Disabled';
  /** Left out: Kafka is not checked. */
  readonly kafka?: KafkaState;
}

/** A mapping on a stream of the table, with its function, which is `undefined` if it was deleted. */
export interface Reader {
  readonly mapping: EventSourceMappingConfiguration;
  readonly function: Lookup<FunctionConfiguration | undefined>;
  readonly concurrency: Lookup<number | undefined>;
  readonly rights: Lookup<Rights>;
}

/** The result of IAM's simulation of a role and actions on the table. */
export interface Rights {
  readonly denied: readonly string[];
  /** Denied only because the simulation lacks a value, such as the caller's address. */
  readonly undecided: readonly string[];
}

/** The result of IAM's simulation of the caller and `OPERATOR_ACTIONS` on the table. */
export interface Permissions extends Rights {
  readonly caller: string;
}

export interface SweeperRuns {
  readonly everyMs: number;
  /** It ran within the last two periods. */
  readonly isSeen: boolean;
  /** It was deployed within that time. */
  readonly isNew: boolean;
}

/** The brokers in a function's environment, and those that Amazon MSK reports now. */
export interface FunctionBrokers {
  readonly functionName: string;
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** `undefined`: they are not brokers of Amazon MSK. */
  readonly cluster: Lookup<MskBrokers | undefined>;
}

/** The cluster of a function's brokers, as Amazon MSK describes it. */
export interface MskBrokers {
  readonly clusterName: string;
  /** Addresses for the login of the function, from `GetBootstrapBrokers`, which need not name all brokers. */
  readonly current: readonly string[];
  /** Hosts of every broker, as far as MSK lists them. */
  readonly hosts: readonly string[];
}

export interface DeployedAlarms {
  readonly namePrefix: string;
  readonly alarms: readonly DeployedAlarm[];
}

export interface NoticeTopic {
  readonly arn: string;
  /** `undefined`: there is no such topic. */
  readonly attributes: Lookup<Readonly<Record<string, string>> | undefined>;
}

export interface KafkaState {
  readonly reachableBrokers: Lookup<readonly BrokerReachability[]>;
  readonly kafkaTopics: Lookup<KafkaTopics>;
  readonly openTopics: Lookup<OpenTopics>;
  readonly groups: Lookup<readonly GroupBacklog[]>;
}

export interface KafkaTopics {
  /** Topics that the caller may describe. */
  readonly names: ReadonlySet<string>;
  /** `max.message.bytes` of each topic whose configuration may be read. */
  readonly maxMessageBytes: ReadonlyMap<string, number>;
  readonly read: readonly { readonly consumer: string; readonly topic: string }[];
}

/** Topics of items that are pending or parked. */
export interface OpenTopics {
  /** How many items name each. */
  readonly items: ReadonlyMap<string, number>;
  /** `false`: the table is too large to be read in full here. */
  readonly isWhole: boolean;
}

export interface GroupBacklog {
  readonly consumer: string;
  readonly group: string;
  readonly members: number;
  /** Messages behind the committed offsets, over all partitions that the group has ever committed. */
  readonly behind: bigint;
}
