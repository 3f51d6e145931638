import { environmentReader, type Environment } from '../event/environment';
import { decodeBrokerConfig, encodeBrokerConfig, type BrokerConfig } from '../kafka/broker-config';

/** Configuration of the topics function: the construct writes it, the handler reads it. */
export interface TopicsConfig extends BrokerConfig {
  /** Names the cluster. The function ignores deletions that name another cluster. */
  readonly cluster: string;
  /** Timeout of one request to a broker. */
  readonly requestTimeoutMs: number;
}

export const TOPICS_DEFAULTS = { requestTimeoutMs: 10_000 } as const satisfies Partial<TopicsConfig>;

const VARIABLES = { cluster: 'OUTBOX_CLUSTER', requestTimeoutMs: 'OUTBOX_REQUEST_TIMEOUT_MS' } as const;

/** The environment variables of a configuration. Values may be CDK tokens, so this function inspects none of them. */
export const encodeTopicsConfig = (config: TopicsConfig): Record<string, string> => ({
  [VARIABLES.cluster]: config.cluster,
  ...encodeBrokerConfig(config),
  [VARIABLES.requestTimeoutMs]: String(config.requestTimeoutMs),
});

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export function decodeTopicsConfig(environment: Environment): TopicsConfig {
  const read = environmentReader(environment, 'OutboxTopics');
  return {
    cluster: read.text(VARIABLES.cluster),
    ...decodeBrokerConfig(read),
    requestTimeoutMs: read.integer(VARIABLES.requestTimeoutMs, 1),
  };
}
