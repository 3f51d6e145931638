import type { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventSourceMapping, IFunction } from 'aws-cdk-lib/aws-lambda';

/** An outbox as its alarms and its dashboard know it. */
export interface MonitoredOutbox {
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  readonly table: ITable;
  readonly relay: { readonly function: IFunction; readonly memorySize: number; readonly timeout: Duration };
  readonly mapping: IEventSourceMapping;
  /** Whether other regions write to the table too. */
  readonly isGlobal: boolean;
  /** Not, while another region has taken over: then neither relay nor sweeper is invoked. */
  readonly publishes: boolean;
  readonly sweeper: {
    readonly function: IFunction;
    readonly memorySize: number;
    readonly every: Duration;
    readonly after: Duration;
  };
  /** A provisioned Amazon MSK cluster whose metrics are looked at too. */
  readonly mskClusterName?: string;
}

/** A consumer on Lambda as its alarms and its part of a dashboard know it. */
export interface MonitoredConsumer {
  /** Value of the metrics dimension `service`. */
  readonly consumerName: string;
  readonly metricsNamespace: string;
  readonly function: IFunction;
  readonly memorySize: number;
  readonly inbox: ITable;
  /** By topic. */
  readonly mappings: Readonly<Record<string, IEventSourceMapping>>;
  /** Whether Lambda gives batches up, into a destination. */
  readonly givesUp: boolean;
  /** Whether its topics are read. */
  readonly enabled: boolean;
}
