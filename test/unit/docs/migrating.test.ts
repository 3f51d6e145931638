import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { marshall } from '@aws-sdk/util-dynamodb';
import { z } from 'zod';
import { decodeRecord } from '../../../lib/consume/decode';
import { defineEvents } from '../../../lib/event/catalogue';
import { decodeItem } from '../../../lib/event/item';
import { messagesOf } from '../../../lib/event/message';

const read = (page: string): string => readFileSync(join(__dirname, '../../../docs', page), 'utf8');
const blockOf = (page: string, info: string): string =>
  new RegExp(`\`\`\`${info}\n([\\s\\S]*?)\`\`\``).exec(read(page))?.[1] ?? '';

/** The row of an event in Debezium's outbox table: the columns of the event router, and those that the page adds. */
function rowOf(sql: string): ReadonlyMap<string, string> {
  const added = [...sql.matchAll(/ADD COLUMN (\w+) +text(?: NOT NULL DEFAULT '([^']*)'|[,;] -- (\S+))/g)];
  return new Map([
    ['id', '019b7ca9-8f2e-7000-8000-000000000001'],
    ['aggregatetype', 'order'],
    ['type', 'order.placed'],
    ...added.map(([, column = '', byDefault, written]): [string, string] => [column, byDefault ?? written ?? '']),
  ]);
}

/** The headers of the message: `column:header:name`, as the event router places them. */
function headersOf(properties: string, row: ReadonlyMap<string, string>): Record<string, string> {
  const placement = /table\.fields\.additional\.placement=([\s\S]*)/.exec(properties.replaceAll(/\\\n\s*/g, ''))?.[1];
  const entries = (placement ?? '').trim().split(',');
  return Object.fromEntries(
    entries.map((entry) => {
      const [column = '', kind, name = ''] = entry.split(':');
      const value = row.get(column);
      if (kind !== 'header' || value === undefined) throw new Error(`No header: "${entry}".`);
      return [name, value];
    }),
  );
}

const headers = headersOf(blockOf('migrating.md', 'properties'), rowOf(blockOf('migrating.md', 'sql')));

test('Debezium sends the headers that the relay sends for the same event', () => {
  const item = JSON.parse(blockOf('item-format.md', 'json')) as Record<string, unknown>;
  const [message] = messagesOf(decodeItem(marshall(item)));
  const { ce_subject, ce_partitionkey, ...others } = message?.headers ?? {};
  expect([ce_subject, ce_partitionkey]).toEqual(['42', '42']);
  expect(headers).toEqual(others);
});

test('the consumer library reads the message of Debezium', async () => {
  const record = {
    ...{ topic: 'outbox.event.order', partition: 0, offset: 0n, timestamp: 0 },
    ...{ key: Buffer.from('42'), value: Buffer.from('{"total": 5}'), headers },
  };
  const catalogue = defineEvents({ 'order.placed': { schema: z.object({ total: z.number() }), topic: record.topic } });
  const { kind, ...decoded } = await decodeRecord(record, catalogue);
  expect(kind).toBe('content');
  expect(decoded).toMatchObject({
    content: { key: '42', sequence: '0000000000000007.0000', txEvents: 1, data: { total: 5 } },
  });
});
