import { environmentReader, type Environment } from '../event/environment';
import { decodeBrokerConfig, encodeBrokerConfig, type BrokerConfig } from '../kafka/broker-config';

/** Everything that configures the function that makes topics: written by the construct, read by the handler. */
export interface TopicsConfig extends BrokerConfig {
  /** Names the cluster: what is asked for another one is none of this function's business. */
  readonly cluster: string;
  /** How long one request to a broker may take. */
  readonly requestTimeoutMs: number;
}

export const TOPICS_DEFAULTS = { requestTimeoutMs: 10_000 } as const satisfies Partial<TopicsConfig>;

const VARIABLES = { cluster: 'OUTBOX_CLUSTER', requestTimeoutMs: 'OUTBOX_REQUEST_TIMEOUT_MS' } as const;

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
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
