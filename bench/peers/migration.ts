import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, type KafkaMessage } from 'kafkajs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { z } from 'zod';
import { decodeRecord } from '../../lib/consume/decode';
import { defineEvents } from '../../lib/event/catalogue';
import { decodeItem } from '../../lib/event/item';
import { messagesOf } from '../../lib/event/message';
import { ROOT, newLogFolder } from '../../local/folders';
import { freePorts } from '../../local/free-port';
import { startKafka } from '../../local/kafka/cluster';
import { RestartedProcess } from '../../local/restarted-process';
import { waitUntil } from '../../local/wait-until';
import { runDelivery } from '../delivery/run';
import { tell, type Undo } from '../main';
import { JVM_FLAGS, LOGGING, connector, properties, worker } from './debezium';
import { connectJars } from './packages';
import { startPostgres } from './postgres';

/** The configuration of docs/migrating.md, literally, for a payload of each type and for each way to send it. */
const RUNS = ['jsonb', 'text'].flatMap((payload) =>
  [false, true].map((expand) => ({ payload, expand, run: `migration_${payload}_${expand}` })),
);
const TIMEOUT_MS = 120_000;
const ROWS = 3;

const blockOf = (page: string, info: string): string =>
  new RegExp(`\`\`\`${info}\\n([\\s\\S]*?)\`\`\``)
    .exec(readFileSync(join(ROOT, 'docs', page), 'utf8'))?.[1]
    ?.replaceAll(/^ {3}/gm, '') ?? '';

const tableOf = (run: string, payload: string): string => `CREATE SCHEMA ${run};
CREATE TABLE ${run}.outbox (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(255) NOT NULL,
  type varchar(255) NOT NULL, payload ${payload});`;

const rowsOf = (run: string): string => `SET search_path = ${run};
INSERT INTO outbox VALUES ('019b7ca9-8f2e-7000-8000-000000000000', 'order', '42', 'order.placed', '{"total": 4}');
${blockOf('migrating.md', 'sql')}
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, source, time, sequence) VALUES
  ('019b7ca9-8f2e-7000-8000-000000000001', 'order', '42', 'order.placed', '{"total": 5}', '/shop/order', '2026-01-02T03:04:05.678Z', '0000000000000007.0000'),
  ('019b7ca9-8f2e-7000-8000-000000000002', 'order', '42', 'order.placed', '{"total": 6}', '/shop/order', '2026-01-02T03:04:05.678Z', '0000000000000008.0000');`;

async function check(undo: Undo[]): Promise<void> {
  const logFolder = newLogFolder();
  tell(`logs: ${logFolder}`);
  const jars = await connectJars();
  const postgres = await startPostgres(logFolder);
  undo.push(() => postgres.stop());
  const cluster = await startKafka({ logFolder });
  undo.push(() => cluster.stop());
  const { brokers } = cluster;
  const folder = mkdtempSync(join(tmpdir(), 'outbox-connect-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: RUNS.map(({ run }) => ({ topic: `${run}.order`, numPartitions: 1 })) });
  await admin.disconnect();
  const [restPort = 0] = await freePorts(1);
  const files: Record<string, string> = {
    'log4j2.xml': LOGGING,
    'worker.properties': properties(worker(brokers, join(folder, 'offsets'), restPort)),
  };
  for (const { run, payload, expand } of RUNS) {
    await postgres.run(tableOf(run, payload));
    files[`${run}.properties`] = [
      properties({
        ...{ name: run, ...connector(postgres, run), 'producer.override.compression.type': 'none' },
        'transforms.outbox.route.by.field': 'aggregatetype',
        'transforms.outbox.route.topic.replacement': `${run}.\${routedByValue}`,
        'transforms.outbox.table.expand.json.payload': String(expand),
      }),
      blockOf('migrating.md', 'properties'),
    ].join('');
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const connect = new RestartedProcess({
    command: 'java',
    args: [
      ...[...JVM_FLAGS, `-Dlog4j2.configurationFile=${join(folder, 'log4j2.xml')}`, '-cp', join(jars, '*')],
      ...['org.apache.kafka.connect.cli.ConnectStandalone', join(folder, 'worker.properties')],
      ...RUNS.map(({ run }) => join(folder, `${run}.properties`)),
    ],
    logFile: join(logFolder, 'connect.log'),
  });
  await connect.start();
  undo.push(() => connect.stop());
  const slots = `DO $$ BEGIN IF (SELECT count(*) FROM pg_replication_slots WHERE active) < ${RUNS.length} THEN RAISE 'no slot'; END IF; END $$;`;
  await waitUntil('the slots', TIMEOUT_MS, () =>
    postgres.run(slots).then(
      () => true,
      () => undefined,
    ),
  );
  for (const { run } of RUNS) await postgres.run(rowsOf(run));
  const read = new Map<string, KafkaMessage[]>(RUNS.map(({ run }) => [`${run}.order`, []]));
  const consumer = kafka.consumer({ groupId: 'migration' });
  undo.push(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: [...read.keys()], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ topic, message }) => {
      read.get(topic)?.push(message);
      return Promise.resolve();
    },
  });
  await waitUntil('the messages', TIMEOUT_MS, () =>
    [...read.values()].every(({ length }) => length >= ROWS) ? true : undefined,
  );
  const [ours] = messagesOf(decodeItem(marshall(JSON.parse(blockOf('item-format.md', 'json')) as object)));
  tell(`the relay: ${JSON.stringify([String(ours?.key), String(ours?.value), ours?.headers])}`);
  for (const { run, expand } of RUNS) {
    const topic = `${run}.order`;
    for (const message of read.get(topic) ?? []) {
      const headers = textsOf(message);
      tell(`${topic}: ${JSON.stringify([String(message.key), String(message.value), headers])}`);
      // The row from before the columns has none of their headers.
      if (headers['ce_specversion'] !== undefined && !expand) await compare(topic, message, ours?.headers ?? {});
    }
  }
  tell('Each message is that of the relay, but for the headers that the page names.');
}

const textsOf = ({ headers }: KafkaMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]));

/** They differ from event to event, or Debezium does not send them. */
const OTHERS = new Set(['ce_id', 'ce_sequence', 'ce_subject', 'ce_partitionkey']);

async function compare(topic: string, message: KafkaMessage, ours: Readonly<Record<string, string>>): Promise<void> {
  const headers = textsOf(message);
  for (const [name, text] of Object.entries(ours)) {
    if (!OTHERS.has(name)) assert.equal(headers[name], text, `${topic}: ${name}`);
  }
  const { key, value } = message;
  assert.equal(String(key), '42');
  const record = { topic, partition: 0, offset: 0n, timestamp: 0, key, value, headers };
  const catalogue = defineEvents({ 'order.placed': { schema: z.object({ total: z.number() }), topic } });
  const decoded = await decodeRecord(record, catalogue);
  assert.equal(decoded.kind, 'content', topic);
  assert.match(String(value), /^\{"total": ?[56]\}$/);
}

void runDelivery(check);
