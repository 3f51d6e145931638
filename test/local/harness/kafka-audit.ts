import { readFileSync } from 'node:fs';

/** A request of a broker to its authorizer. */
export interface AskedPermission {
  readonly operation: string;
  readonly resourceType: string;
  readonly resource: string;
}

const QUESTION = /operation = (\w+) from host = \S+ on resource = (\w+):LITERAL:(\S+) for request = (\w+)/;

/** Used between brokers; no client of ours may need it. */
const BETWEEN_BROKERS = 'CLUSTER_ACTION';

/** Reads an audited broker's log from the last position. */
export class KafkaAudit {
  readonly #log: string;
  #read: number;

  constructor(log: string) {
    this.#log = log;
    this.#read = readFileSync(log).length;
  }

  /** The requests since the last call. */
  asked(): AskedPermission[] {
    const text = readFileSync(this.#log).subarray(this.#read);
    this.#read += text.length;
    return text
      .toString()
      .split('\n')
      .flatMap((line) => {
        const [, operation, resourceType, resource] = QUESTION.exec(line) ?? [];
        return operation === undefined || resourceType === undefined || resource === undefined
          ? []
          : { operation, resourceType, resource };
      })
      .filter(({ operation }) => operation !== BETWEEN_BROKERS);
  }
}

/**
 * The IAM action for each Kafka permission: "equivalent to Apache Kafka's … ACL" in
 * https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
 */
const ACTIONS: Readonly<Record<string, string>> = {
  'Cluster DESCRIBE': 'DescribeCluster',
  'Cluster ALTER': 'AlterCluster',
  'Cluster DESCRIBE_CONFIGS': 'DescribeClusterDynamicConfiguration',
  'Cluster ALTER_CONFIGS': 'AlterClusterDynamicConfiguration',
  'Cluster IDEMPOTENT_WRITE': 'WriteDataIdempotently',
  // Brokers check the whole cluster first, and the topic if that is denied.
  'Cluster CREATE': 'CreateTopic',
  'Cluster DELETE': 'DeleteTopic',
  'Topic CREATE': 'CreateTopic',
  'Topic DESCRIBE': 'DescribeTopic',
  'Topic ALTER': 'AlterTopic',
  'Topic DELETE': 'DeleteTopic',
  'Topic DESCRIBE_CONFIGS': 'DescribeTopicDynamicConfiguration',
  'Topic ALTER_CONFIGS': 'AlterTopicDynamicConfiguration',
  'Topic READ': 'ReadData',
  'Topic WRITE': 'WriteData',
  'Group DESCRIBE': 'DescribeGroup',
  'Group READ': 'AlterGroup',
  'Group DELETE': 'DeleteGroup',
};

/** The actions that a role needs on Amazon MSK for these permissions. Any permission needs a connection. */
export function mskActions(asked: readonly AskedPermission[]): string[] {
  const actions = asked.map(({ operation, resourceType }) => {
    const permission = `${resourceType} ${operation}`;
    return `kafka-cluster:${ACTIONS[permission] ?? `unknown: ${permission}`}`;
  });
  return [...new Set(['kafka-cluster:Connect', ...actions])].toSorted();
}
