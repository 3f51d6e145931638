import {
  decodeVariables,
  encodeVariables,
  environmentReader,
  integerVariable,
  textVariable,
  type Environment,
  type Variables,
} from '../event/environment';
import { decodeBrokerConfig, encodeBrokerConfig, type BrokerConfig } from '../kafka/broker-config';

/** Configuration of the topics function: the construct writes it, the handler reads it. */
export interface TopicsConfig extends BrokerConfig {
  /** Names the cluster. The function ignores deletions that name another cluster. */
  readonly cluster: string;
  readonly requestTimeoutMs: number;
}

export const TOPICS_DEFAULTS = { requestTimeoutMs: 10_000 } as const satisfies Partial<TopicsConfig>;

const VARIABLES: Variables<Omit<TopicsConfig, keyof BrokerConfig>> = {
  cluster: textVariable('OUTBOX_CLUSTER'),
  requestTimeoutMs: integerVariable('OUTBOX_REQUEST_TIMEOUT_MS', 1),
};

/** The environment variables of a configuration. Values may be CDK tokens, so this function inspects none of them. */
export const encodeTopicsConfig = (config: TopicsConfig): Record<string, string> => ({
  ...encodeVariables(VARIABLES, config),
  ...encodeBrokerConfig(config),
});

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export function decodeTopicsConfig(environment: Environment): TopicsConfig {
  const read = environmentReader(environment, 'OutboxTopics');
  return { ...decodeVariables(VARIABLES, read), ...decodeBrokerConfig(read) };
}
