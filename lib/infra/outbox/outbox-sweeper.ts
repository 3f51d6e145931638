import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Code, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { SWEEPER_ACTIONS } from '../../event/table-actions';
import { encodeSweeperConfig, PROBE_EVENT, type SweeperConfig } from '../../sweep/environment';
import { outboxFunction } from '../functions/outbox-function';
import type { OutboxTable } from './outbox-table';

export interface OutboxSweeperProps {
  readonly table: OutboxTable;
  readonly config: Omit<SweeperConfig, 'tableName'>;
  readonly code: Code;
  readonly interval: Duration;
  /** Whether the schedules invoke the sweeper. */
  readonly enabled?: boolean;
  readonly logRetention: RetentionDays;
  readonly environmentEncryptionKey?: IKey;
  readonly logEncryptionKey?: IKey;
}

/** With less memory, its share of CPU would limit the sweep before the read rate does. */
export const SWEEPER_MEMORY_MB = 1024;

/** Scans the table on a schedule and asks the relay for items that the stream has lost. Calls only DynamoDB. */
export class OutboxSweeper extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: OutboxSweeperProps) {
    super(scope, id);
    const { table, config } = props;
    this.function = outboxFunction(this, {
      description: `Finds outbox items of ${config.outboxName} that the stream has lost`,
      code: props.code,
      memorySize: SWEEPER_MEMORY_MB,
      // The longest timeout that Lambda allows: the next run resumes where a run stops.
      timeout: Duration.minutes(15),
      logRetention: props.logRetention,
      // The next run finishes the work; a retry would only read the table once more.
      retryAttempts: 0,
      environmentEncryption: props.environmentEncryptionKey,
      logEncryptionKey: props.logEncryptionKey,
      environment: encodeSweeperConfig({ ...config, tableName: table.table.tableName }),
    });
    table.grant(this.function, ...SWEEPER_ACTIONS);
    new Rule(this, 'Schedule', {
      description: `Sweeps the outbox table of ${config.outboxName}`,
      schedule: Schedule.rate(props.interval),
      enabled: props.enabled,
      targets: [new LambdaTarget(this.function)],
    });
    new Rule(this, 'Probe', {
      description: `Tries the partitions again for which ${config.outboxName} holds keys`,
      schedule: Schedule.rate(Duration.minutes(1)),
      enabled: props.enabled,
      targets: [new LambdaTarget(this.function, { event: RuleTargetInput.fromObject(PROBE_EVENT) })],
    });
  }
}
