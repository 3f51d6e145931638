import { environmentReader, type Environment } from '../event/environment';
import { decodeBrokerConfig, encodeBrokerConfig, type BrokerConfig } from '../kafka/broker-config';

/** The configuration of a deployed consumer: written by the construct, read in its function. */
export interface ConsumerConfig extends BrokerConfig {
  readonly name: string;
  /** The table of its inbox. */
  readonly tableName: string;
}

/** How long before the function's timeout `handleKafkaEvent` stops starting work. */
export const HANDLER_MARGIN_MS = 5_000;

const VARIABLES = { name: 'OUTBOX_CONSUMER_NAME', tableName: 'OUTBOX_INBOX_TABLE_NAME' } as const;

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
export const encodeConsumerConfig = (config: ConsumerConfig): Record<string, string> => ({
  [VARIABLES.name]: config.name,
  [VARIABLES.tableName]: config.tableName,
  ...encodeBrokerConfig(config),
});

/** The variables by which Powertools' `Metrics` and `Logger` emit what alarms and dashboards read. */
export const telemetryVariables = (consumer: string, metricsNamespace: string): Record<string, string> => ({
  POWERTOOLS_METRICS_NAMESPACE: metricsNamespace,
  POWERTOOLS_SERVICE_NAME: consumer,
});

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export function decodeConsumerConfig(environment: Environment): ConsumerConfig {
  const read = environmentReader(environment, 'OutboxConsumer');
  return {
    name: read.text(VARIABLES.name),
    tableName: read.text(VARIABLES.tableName),
    ...decodeBrokerConfig(read),
  };
}
