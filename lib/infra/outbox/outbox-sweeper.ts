import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { HomeRegion } from '../../event/home-region';
import { SWEEPER_ACTIONS } from '../../event/table-actions';
import { encodeSweeperConfig, PROBE_EVENT } from '../../sweep/environment';
import { bundledFunction } from '../functions/bundled-function';
import { outboxFunction } from '../functions/outbox-function';
import type { ResolvedOutboxProps } from './outbox-props';
import type { OutboxTable } from './outbox-table';

/** Settings that the relay and the sweeper of an outbox share. */
export interface OutboxFunctionSettings {
  readonly options: ResolvedOutboxProps;
  readonly table: OutboxTable;
  readonly outboxName: string;
  readonly home: HomeRegion | undefined;
  /** Whether the stream invokes the relay, and the schedules the sweeper. */
  readonly enabled?: boolean;
}

/** With less memory, its share of CPU would limit the sweep before the read rate does. */
export const SWEEPER_MEMORY_MB = 1024;

/** Scans the table on a schedule and asks the relay for items that the stream has lost. Calls only DynamoDB. */
export class OutboxSweeper extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: OutboxFunctionSettings) {
    super(scope, id);
    const { options, table, outboxName, home, enabled } = props;
    this.function = outboxFunction(this, {
      options,
      description: `Finds outbox items of ${outboxName} that the stream has lost`,
      code: options.sweeperCode ?? bundledFunction('sweeper'),
      memorySize: SWEEPER_MEMORY_MB,
      // The longest timeout that Lambda allows: the next run resumes where a run stops.
      timeout: Duration.minutes(15),
      // The next run finishes the work; a retry would only read the table once more.
      retryAttempts: 0,
      environment: encodeSweeperConfig({
        tableName: table.table.tableName,
        outboxName,
        overdueAfterSeconds: options.overdueAfter.toSeconds(),
        sweepIntervalSeconds: options.sweepInterval.toSeconds(),
        readUnitsPerSecond: options.sweepReadUnitsPerSecond,
        home,
      }),
    });
    table.grant(this.function, ...SWEEPER_ACTIONS);
    new Rule(this, 'Schedule', {
      description: `Sweeps the outbox table of ${outboxName}`,
      schedule: Schedule.rate(options.sweepInterval),
      enabled,
      targets: [new LambdaTarget(this.function)],
    });
    new Rule(this, 'Probe', {
      description: `Tries the partitions again for which ${outboxName} holds keys`,
      schedule: Schedule.rate(Duration.minutes(1)),
      enabled,
      targets: [new LambdaTarget(this.function, { event: RuleTargetInput.fromObject(PROBE_EVENT) })],
    });
  }
}
