import { DescribeTableCommand, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { inboxContents } from '../../lib/operate/consumer/inbox-contents';
import type { NamedConsumer } from '../../lib/operate/explain/diagnosis';
import type { Session } from './session';

/** The consumers that a command checks without being given their names. */
export interface ConsumersToCheck {
  /** Consumers that the stack deploys as functions. */
  readonly named: readonly NamedConsumer[];
  /** Tables whose consumers are found by scanning them. */
  readonly inboxes: readonly string[];
  /** Which consumers are not checked, and why. */
  readonly why: readonly string[];
}

/** The consumers of the named tables; else of the stack's functions; on a local stack, of all its tables. */
export async function consumersToCheck(
  session: Session,
  inboxes: readonly string[] | undefined,
): Promise<ConsumersToCheck> {
  if (inboxes !== undefined) return { named: [], inboxes, why: [] };
  if (session.local !== undefined) return { named: [], inboxes: await localInboxes(session), why: [] };
  if (session.findConsumers === undefined) {
    const why = 'consumers: they cannot be found from the table. Name their tables: --inbox TABLE';
    return { named: [], inboxes: [], why: [why] };
  }
  const why = 'consumers outside of the stack: name their tables with --inbox TABLE';
  return { named: await session.findConsumers(), inboxes: [], why: [why] };
}

/** Every table of the local stack that a consumer has written to. */
async function localInboxes({ target: { client, tableName } }: Session): Promise<string[]> {
  const inboxes: string[] = [];
  let from: string | undefined;
  do {
    const page = await client.send(new ListTablesCommand({ ExclusiveStartTableName: from }));
    for (const name of page.TableNames ?? []) {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
      const names = (Table?.KeySchema ?? []).map(({ AttributeName }) => AttributeName).join();
      if (name === tableName || names !== 'pk,sk') continue;
      if ((await inboxContents({ client, tableName: name })).consumers.length > 0) inboxes.push(name);
    }
    from = page.LastEvaluatedTableName;
  } while (from !== undefined);
  return inboxes;
}
