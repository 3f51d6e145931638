import { Token } from 'aws-cdk-lib';
import { invalidOption } from '../invalid-option';

/** The name is a metrics dimension, and a part of Kafka client ids and of descriptions. */
const OUTBOX_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const TABLE_NAME = /^[A-Za-z0-9_.-]{3,255}$/;

/** @throws OutboxError `invalid-option` for a name that AWS refuses at deployment. */
export function checkNames({ outboxName, tableName }: { outboxName?: string; tableName?: string }): void {
  if (isMalformed(outboxName, OUTBOX_NAME)) {
    throw invalidOption(
      'outboxName',
      outboxName,
      '1 to 128 letters, digits, ".", "_", "/" or "-", the first a letter or digit',
      'It becomes a metrics dimension and a part of Kafka client ids.',
    );
  }
  if (isMalformed(tableName, TABLE_NAME)) {
    throw invalidOption(
      'tableName',
      tableName,
      '3 to 255 letters, digits, "_", "." or "-"',
      'That is what DynamoDB allows. Leave it out to have one generated.',
    );
  }
}

const isMalformed = (name: string | undefined, pattern: RegExp): boolean =>
  name !== undefined && !Token.isUnresolved(name) && !pattern.test(name);

/** Why outboxes of one region and account must not share a name; `owners` are the paths of their constructs. */
export function sharedNameProblem(outboxName: string, owners: readonly string[]): string | undefined {
  if (owners.length < 2 || Token.isUnresolved(outboxName)) return undefined;
  return `The outboxes ${owners.join(' and ')} have the outboxName "${outboxName}". Their metrics would be one, and an alarm could not tell which one is ill. Give each a name of its own.`;
}
