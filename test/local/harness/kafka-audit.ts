import { readFileSync } from 'node:fs';

/** What a broker has asked its authorizer. */
export interface AskedPermission {
  readonly operation: string;
  readonly resourceType: string;
  readonly resource: string;
}

const QUESTION = /operation = (\w+) from host = \S+ on resource = (\w+):LITERAL:(\S+) for request = (\w+)/;

/** Brokers among themselves; no client of ours may ever need it. */
const BETWEEN_BROKERS = 'CLUSTER_ACTION';

/** Reads what an audited broker has logged, from where it stood last. */
export class KafkaAudit {
  readonly #log: string;
  #read: number;

  constructor(log: string) {
    this.#log = log;
    this.#read = readFileSync(log).length;
  }

  /** What was asked since the last call. */
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
 * The action of IAM for each permission of Kafka: "equivalent to Apache Kafka's … ACL" in
 * https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
 */
const ACTIONS: Readonly<Record<string, string>> = {
  'Cluster DESCRIBE': 'DescribeCluster',
  'Cluster ALTER': 'AlterCluster',
  'Cluster DESCRIBE_CONFIGS': 'DescribeClusterDynamicConfiguration',
  'Cluster ALTER_CONFIGS': 'AlterClusterDynamicConfiguration',
  'Cluster IDEMPOTENT_WRITE': 'WriteDataIdempotently',
  // Brokers ask for the whole cluster first, and for the topic when that is not allowed.
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

/** What a role needs on Amazon MSK to be allowed all this; whoever asks anything has connected. */
export function mskActions(asked: readonly AskedPermission[]): string[] {
  const actions = asked.map(({ operation, resourceType }) => {
    const permission = `${resourceType} ${operation}`;
    return `kafka-cluster:${ACTIONS[permission] ?? `unknown: ${permission}`}`;
  });
  return [...new Set(['kafka-cluster:Connect', ...actions])].toSorted();
}
