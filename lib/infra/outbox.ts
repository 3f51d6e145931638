import { Stack } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IEventSourceMapping, IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { RELAY_DEFAULTS } from '../relay/environment';
import { bundledFunction } from './bundled-function';
import {
  relayMetric,
  sweeperMetric,
  type OutboxMetricOptions,
  type RelayMetric,
  type SweeperMetric,
} from './monitoring/metrics';
import { resolveMonitoring } from './monitoring/options';
import { OutboxMonitoring } from './monitoring/outbox-monitoring';
import { resolveOutboxProps, type OutboxProps } from './outbox-props';
import { OutboxRelay } from './outbox-relay';
import { OutboxSweeper, SWEEPER_MEMORY_MB } from './outbox-sweeper';
import { OutboxTable } from './outbox-table';

/**
 * The outbox of a service: a table that takes events in the service's own transactions, a relay that publishes them to
 * Kafka, in order per key and at least once, and a sweeper that finds what the stream has lost.
 *
 * @example
 * ```ts
 * import { Stack } from 'aws-cdk-lib';
 * import { Vpc } from 'aws-cdk-lib/aws-ec2';
 * import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
 * import { KafkaAuthentication, Outbox } from 'dynamodb-outbox/cdk';
 *
 * const stack = new Stack();
 * const outbox = new Outbox(stack, 'Outbox', {
 *   topics: ['orders', 'payments'],
 *   bootstrapBrokers: 'b-1.orders.example.kafka.eu-west-1.amazonaws.com:9098',
 *   authentication: KafkaAuthentication.iam({
 *     clusterArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/orders/6f1c1a52-7c3e-4a1e-9a53-0b3d2f1b6a77-2',
 *   }),
 *   vpc: new Vpc(stack, 'Vpc'),
 * });
 *
 * const service = new LambdaFunction(stack, 'OrderService', {
 *   runtime: Runtime.NODEJS_24_X,
 *   handler: 'index.handler',
 *   code: Code.fromInline('exports.handler = async () => {};'),
 *   environment: { OUTBOX_TABLE: outbox.table.tableName },
 * });
 * outbox.grantWrite(service);
 * ```
 */
export class Outbox extends Construct {
  /** The table that services write to. */
  readonly table: ITableV2;
  /** The function that publishes. Nothing but its event source mapping should invoke it. */
  readonly relay: IFunction;
  /** The function that looks for what the stream has lost, on a schedule. Invoking it more often does no harm. */
  readonly sweeper: IFunction;
  /** What carries the table's stream to the relay. */
  readonly eventSourceMapping: IEventSourceMapping;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** The alarms and the dashboard; `undefined` when `monitoring` is `false`. */
  readonly monitoring?: OutboxMonitoring;

  readonly #table: OutboxTable;

  /** @throws OutboxError `invalid-option` when an option is unknown, missing or cannot work. */
  constructor(scope: Construct, id: string, props: OutboxProps) {
    super(scope, id);
    const resolved = resolveOutboxProps(props);
    const monitoring = resolved.monitoring === false ? undefined : resolveMonitoring(resolved.monitoring);
    this.outboxName = resolved.outboxName ?? this.#defaultName();
    this.#table = new OutboxTable(this, 'Table', resolved);
    const relay = new OutboxRelay(this, 'Relay', {
      table: this.#table,
      config: {
        brokers: [resolved.bootstrapBrokers],
        compression: resolved.compression,
        retentionSeconds: resolved.retention.toSeconds(),
        maxBatchBytes: resolved.maxBatchBytes,
        requestTimeoutMs: resolved.requestTimeout.toMilliseconds(),
        order: resolved.order,
        lateAfterSeconds: RELAY_DEFAULTS.lateAfterSeconds,
        publishWithinMs: monitoring?.slo.publishWithin.toMilliseconds() ?? RELAY_DEFAULTS.publishWithinMs,
        outboxName: this.outboxName,
      },
      authentication: resolved.authentication,
      topics: resolved.topics,
      code: resolved.relayCode ?? bundledFunction('relay'),
      memorySize: resolved.relayMemorySize,
      timeout: resolved.relayTimeout,
      logRetention: resolved.logRetention,
      vpc: resolved.vpc,
      vpcSubnets: resolved.vpcSubnets,
      securityGroups: resolved.securityGroups,
    });
    const sweeper = new OutboxSweeper(this, 'Sweeper', {
      table: this.#table,
      config: {
        outboxName: this.outboxName,
        sweepAfterSeconds: resolved.sweepAfter.toSeconds(),
        readUnitsPerSecond: resolved.sweepReadUnitsPerSecond,
      },
      code: resolved.sweeperCode ?? bundledFunction('sweeper'),
      every: resolved.sweepEvery,
      logRetention: resolved.logRetention,
    });
    this.table = this.#table.table;
    this.relay = relay.function;
    this.sweeper = sweeper.function;
    this.eventSourceMapping = relay.eventSourceMapping;
    if (monitoring === undefined) return;
    this.monitoring = new OutboxMonitoring(this, 'Monitoring', {
      outbox: {
        outboxName: this.outboxName,
        table: this.table,
        relay: { function: this.relay, memorySize: resolved.relayMemorySize, timeout: resolved.relayTimeout },
        mapping: this.eventSourceMapping,
        sweeper: {
          function: this.sweeper,
          memorySize: SWEEPER_MEMORY_MB,
          every: resolved.sweepEvery,
          after: resolved.sweepAfter,
        },
        mskClusterName: monitoring.mskClusterName,
      },
      options: monitoring,
    });
  }

  /** A metric that the relay counts, such as `publishedEvents`: its sum, or p99 of `commitToAckLatency`. */
  metricRelay(name: RelayMetric, options?: OutboxMetricOptions): Metric {
    return relayMetric(this.outboxName, name, options);
  }

  /** A metric that the sweeper reports once a run, such as `oldestPendingAge`: its maximum. */
  metricSweeper(name: SweeperMetric, options?: OutboxMetricOptions): Metric {
    return sweeperMetric(this.outboxName, name, options);
  }

  /**
   * Allows a service to put outbox items, in its own transactions, and to use the table's key where it has one. It may
   * not read, change or delete them, nor touch what the outbox keeps about itself. The service's own tables are granted
   * by the service.
   */
  grantWrite(grantee: IGrantable): Grant {
    return this.#table.grantWrite(grantee);
  }

  #defaultName(): string {
    const stack = Stack.of(this);
    const pathInStack = this.node.scopes.slice(stack.node.scopes.length).map((construct) => construct.node.id);
    return [stack.stackName, ...pathInStack].join('-');
  }
}
