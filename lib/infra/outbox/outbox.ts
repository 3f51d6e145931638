import { Stack } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IEventSourceMapping, IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { RELAY_DEFAULTS } from '../../relay/environment';
import { locationsOfBrokers } from '../cluster/broker-props';
import { readsSecret, type KafkaAuthentication } from '../cluster/kafka-authentication';
import {
  relayMetric,
  sweeperMetric,
  type OutboxMetricOptions,
  type RelayMetric,
  type SweeperMetric,
} from '../monitoring/metrics';
import { checkMskClusterName, ownMskCluster, resolveMonitoring, type ResolvedMonitoring } from '../monitoring/options';
import { OutboxMonitoring } from '../monitoring/outbox-monitoring';
import { invalidOption } from '../options/invalid-option';
import { checkLocations, locationsOfAlarmTopics, locationsOfKeys } from '../options/locations';
import { findAll } from '../template-checks/app-tree';
import { outboxProblems } from '../template-checks/outbox-checks';
import { guardPolicySizes } from '../template-checks/role-policies';
import { checkStream, locationsOfTable } from '../template-checks/same-table';
import { globalTableProblems, homeRegionOf, sharedRegionProblems, type RegionalOutbox } from './home-region';
import { OutboxRelay, OutboxSweeper, SWEEPER_MEMORY_MB } from './outbox-functions';
import { resolveOutboxProps, checkOutboxName, type OutboxProps, type ResolvedOutboxProps } from './outbox-props';
import { OutboxTable } from './outbox-table';

/**
 * The outbox of a service: a table that stores events in the service's own transactions, a relay that publishes them to
 * Kafka, in order per key and at least once, and a sweeper that finds items that the stream has lost.
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
  readonly table: ITable;
  /** The function that publishes. Only its event source mapping should invoke it. */
  readonly relay: IFunction;
  /** The scheduled function that finds items that the stream has lost. Additional invocations are harmless. */
  readonly sweeper: IFunction;
  /** The event source mapping from the table's stream to the relay. */
  readonly eventSourceMapping: IEventSourceMapping;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** The alarms and the dashboard; `undefined` when `monitoring` is `false`. */
  readonly monitoring?: OutboxMonitoring;

  readonly #table: OutboxTable;
  readonly #authentication: KafkaAuthentication;
  readonly #topics: readonly string[];
  /** Set on a table with replicas. */
  readonly #regional: RegionalOutbox | undefined;

  /** @throws OutboxError `invalid-option` when an option is unknown, missing or cannot work. */
  constructor(scope: Construct, id: string, props: OutboxProps) {
    super(scope, id);
    const resolved = resolveOutboxProps(props);
    const monitoring = resolved.monitoring === false ? undefined : resolveMonitoring(resolved.monitoring);
    this.#check(resolved, monitoring);
    this.outboxName = resolved.outboxName ?? this.#defaultName();
    const home = homeRegionOf(this, resolved);
    this.#table = new OutboxTable(this, 'Table', resolved);
    // `undefined` applies the default of AWS: enabled.
    const enabled = resolved.publishesFor?.length === 0 ? false : undefined;
    const common = { options: resolved, table: this.#table, outboxName: this.outboxName, home, enabled };
    const relay = new OutboxRelay(this, 'Relay', {
      ...common,
      // The same over deployments, and unique in an account and region: no construct id contains a slash.
      outboxId: this.#path().join('/'),
      publishWithinMs: monitoring?.slo.publishWithin.toMilliseconds() ?? RELAY_DEFAULTS.publishWithinMs,
    });
    const sweeper = new OutboxSweeper(this, 'Sweeper', { ...common, mapping: relay.eventSourceMapping });
    this.table = this.#table.table;
    this.relay = relay.function;
    this.sweeper = sweeper.function;
    this.eventSourceMapping = relay.eventSourceMapping;
    this.#authentication = resolved.authentication;
    this.#topics = resolved.topics;
    this.#regional =
      home === undefined
        ? undefined
        : {
            path: this.node.path,
            table: this.table,
            account: Stack.of(this).account,
            home: enabled === false ? { ...home, publishesFor: [] } : home,
          };
    // Validate after the whole app exists: endpoints, policies and mappings may be added after the outbox.
    this.node.addValidation({
      validate: () => [
        ...globalTableProblems(this.table, home),
        ...this.#sharedRegionProblems(),
        ...outboxProblems({
          ...resolved,
          outbox: this,
          relay: relay.function,
          sweeper: sweeper.function,
          readsSecret: readsSecret(resolved.authentication),
        }),
      ],
    });
    guardPolicySizes(this);
    if (monitoring === undefined) return;
    this.monitoring = new OutboxMonitoring(this, 'Monitoring', {
      outbox: {
        outboxName: this.outboxName,
        table: this.table,
        relay: { function: this.relay, memorySize: resolved.relayMemorySize, timeout: resolved.relayTimeout },
        mapping: this.eventSourceMapping,
        isGlobal: home !== undefined,
        publishes: enabled !== false,
        sweeper: {
          function: this.sweeper,
          memorySize: SWEEPER_MEMORY_MB,
          interval: resolved.sweepInterval,
          overdueAfter: resolved.overdueAfter,
        },
        mskClusterName: monitoring.mskClusterName ?? ownMskCluster(resolved),
      },
      options: monitoring,
    });
  }

  /** A metric that the relay emits, such as `publishedEvents`: its sum, or p99 of `commitToAckLatency`. */
  metricRelay(name: RelayMetric, options?: OutboxMetricOptions): Metric {
    return relayMetric(this.outboxName, name, options);
  }

  /** A metric that the sweeper reports once a run, such as `oldestPendingAge`: its maximum. */
  metricSweeper(name: SweeperMetric, options?: OutboxMetricOptions): Metric {
    return sweeperMetric(this.outboxName, name, options);
  }

  /**
   * Allows a service to put outbox items in its own transactions, and to use the table's key if any. It may not read,
   * change or delete items, nor write the outbox's own records. Grant permissions on its own tables yourself.
   */
  grantWrite(grantee: IGrantable): Grant {
    return this.#table.grantWrite(grantee);
  }

  /** Lets an operator's tools inspect and sweep, and redrive, skip and replay by signals. They need no Kafka route. */
  grantOperate(grantee: IGrantable): Grant {
    return this.#table.grantOperate(grantee);
  }

  /**
   * Allows a consumer to read one of the outbox's topics as a member of a group, and nothing of the table. Without IAM
   * it allows reading the login, and the cluster decides which topics that login may read.
   *
   * @throws OutboxError `invalid-option` for a topic that is not one of the outbox's.
   */
  grantConsume(grantee: IGrantable, topic: string, group: string): void {
    if (!this.#topics.includes(topic)) {
      throw invalidOption(
        'topic',
        topic,
        `one of ${this.#topics.join(', ')}`,
        "Other topics are their owner's business.",
      );
    }
    this.#authentication.grantConsume(grantee, [topic], group);
  }

  /** Two outboxes of one global table must not publish for the same region. */
  #sharedRegionProblems(): string[] {
    const others = findAll(this, Outbox).flatMap((one) => (one === this ? [] : (one.#regional ?? [])));
    return this.#regional === undefined ? [] : sharedRegionProblems(this.#regional, others);
  }

  #check(resolved: ResolvedOutboxProps, monitoring: ResolvedMonitoring | undefined): void {
    const { table, encryptionKey, environmentEncryptionKey, logEncryptionKey } = resolved;
    checkLocations(Stack.of(this), [
      ...locationsOfTable('table', table),
      ...locationsOfBrokers(resolved),
      ...locationsOfKeys({ encryptionKey, environmentEncryptionKey, logEncryptionKey }),
      ...locationsOfAlarmTopics(monitoring),
    ]);
    checkStream(table);
    checkMskClusterName(monitoring?.mskClusterName, resolved);
  }

  /** Stack and path, which stay the same over deployments. A deployment fails if two alarms have the same name. */
  #defaultName(): string {
    // A construct's id may contain characters that metrics dimensions and alarm names do not allow.
    const [stackName = '', ...ids] = this.#path();
    const outboxName = [stackName, ...ids.map((id) => id.replaceAll(/[^A-Za-z0-9._-]+/g, '-'))].join('-');
    checkOutboxName(outboxName);
    return outboxName;
  }

  #path(): string[] {
    const stack = Stack.of(this);
    return [stack.stackName, ...this.node.scopes.slice(stack.node.scopes.length).map(({ node }) => node.id)];
  }
}
