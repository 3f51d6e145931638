import { INBOX_TABLE } from '../../event/table';
import { hasKey, timeToLiveOf, type TableProperties } from './table-shape';

/** Why the caller's own table cannot be an inbox; empty if it can. */
export function inboxProblems(table: TableProperties): string[] {
  const problems: string[] = [];
  if (!hasKey(table, INBOX_TABLE.partitionKey, 'HASH') || !hasKey(table, INBOX_TABLE.sortKey, 'RANGE')) {
    problems.push(
      'The table has other keys than an inbox. Consumers write under the partition key "pk" and the sort key "sk", both texts. Make the table with these, or use a ConsumerInbox.',
    );
  }
  const attribute = INBOX_TABLE.timeToLiveAttribute;
  if (timeToLiveOf(table) !== attribute) {
    const got = timeToLiveOf(table) === undefined ? 'no TTL' : `the TTL attribute "${String(timeToLiveOf(table))}"`;
    problems.push(
      `The table has ${got}. The records of applied events without versions carry "${attribute}" and would stay forever. Set the TTL attribute to "${attribute}".`,
    );
  }
  return problems;
}
