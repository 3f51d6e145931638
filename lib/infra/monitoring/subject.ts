import type { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventSourceMapping, IFunction } from 'aws-cdk-lib/aws-lambda';

/** The parts of an outbox that its alarms and its dashboard need. */
export interface MonitoredOutbox {
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  readonly table: ITable;
  readonly relay: { readonly function: IFunction; readonly memorySize: number; readonly timeout: Duration };
  readonly mapping: IEventSourceMapping;
  /** Whether other regions write to the table too. */
  readonly isGlobal: boolean;
  /** `false` while another region has taken over: then neither relay nor sweeper is invoked. */
  readonly publishes: boolean;
  readonly sweeper: {
    readonly function: IFunction;
    readonly memorySize: number;
    readonly interval: Duration;
    readonly overdueAfter: Duration;
  };
  /** Name of a provisioned Amazon MSK cluster whose metrics are monitored too. */
  readonly mskClusterName?: string;
}

/** The parts of a consumer on Lambda that its alarms and its dashboard need. */
export interface MonitoredConsumer {
  /** Value of the metrics dimension `service`. */
  readonly consumerName: string;
  readonly metricsNamespace: string;
  readonly function: IFunction;
  readonly memorySize: number;
  readonly inbox: ITable;
  /** The event source mapping of each topic. */
  readonly mappings: Readonly<Record<string, IEventSourceMapping>>;
  /** Whether Lambda gives batches up and puts them into a destination. */
  readonly givesUp: boolean;
  /** Whether Lambda reads the topics. */
  readonly enabled: boolean;
}
