import { DescribeTableCommand, DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type Shard,
} from '@aws-sdk/client-dynamodb-streams';
import { itemStateOf, OPEN_FILTER } from '../../lib/event/item-state';
import type { Image } from '../../lib/event/item';
import { CONTROL_PARTITION, isOwnPartition, OWN_PARTITIONS } from '../../lib/event/key';
import { isSignalKey } from '../../lib/event/signal';
import { PROBE_REPLAY_ID } from '../../lib/sweep/evaluate-key';
import type { Stack } from '../../local/stack';
import type { Commit, HistoryLine, StoredItem } from './history';
import type { WriterLine, WrittenCommit } from './processes/writer-options';
import { AGGREGATE, DEAD_LETTER_TOPICS, TABLE, type ConsumerName } from './world/load';
import { linesOf } from './world/readers';
import type { World } from './world/world';

/** How often special things happened to writers. */
export interface LoadCounts {
  transactions: number;
  uncertain: number;
  retried: number;
  conflicts: number;
  malformed: number;
  failed: number;
}

/** All lines of the history of a run that has settled, but its settings and faults. */
export async function gather(world: World): Promise<{ readonly lines: HistoryLine[]; readonly load: LoadCounts }> {
  const load = { transactions: 0, uncertain: 0, retried: 0, conflicts: 0, malformed: 0, failed: 0 };
  const commits = world.writerLogs.flatMap((log) => commitsOf(log, load));
  const byPosition = new Map(commits.map((commit) => [`${commit.key} ${commit.position}`, commit]));
  const { items, emitted, held } = await readTable(world.stack);
  const dead = new Map(DEAD_LETTER_TOPICS.map(({ topic, consumer }) => [topic, consumer]));
  const { operator, readers, removals } = world;
  const deliveries = readers.deliveries();
  const lines: HistoryLine[] = [
    ...commits,
    ...emitted,
    ...operator.skipped.flatMap(({ key, position }) =>
      (byPosition.get(`${key} ${position}`)?.events ?? []).map(({ id }) => ({ kind: 'discard', id }) as const),
    ),
    ...deliveries.filter(({ topic }) => !dead.has(topic)),
    ...removals,
    ...items,
    ...held,
    ...(await readEffects(world.stack)),
    ...operator.givenUp.map(({ consumer, id }) => ({ kind: 'dead-letter', consumer, id }) as const),
    ...deliveries.flatMap(({ topic, id }) => {
      const consumer = dead.get(topic);
      return consumer === undefined ? [] : [{ kind: 'dead-letter', consumer, id } as const];
    }),
  ];
  return { lines, load };
}

function commitsOf(log: string, load: LoadCounts): Commit[] {
  const open = new Map<string, { readonly at: number; readonly commits: readonly WrittenCommit[] }>();
  const commits: Commit[] = [];
  for (const line of linesOf<WriterLine>(log)) {
    if (line.kind === 'intent') open.set(line.requestId, line);
    else if (line.kind === 'written' || line.kind === 'refused') {
      const intent = open.get(line.requestId);
      open.delete(line.requestId);
      if (line.kind === 'refused' || intent === undefined) continue;
      load.transactions++;
      commits.push(...intent.commits.map((each) => ({ kind: 'commit', at: intent.at, ...each }) as const));
    } else if (line.kind === 'conflict') load.conflicts++;
    else load[line.kind]++;
  }
  for (const { at, commits: each } of open.values()) {
    load.uncertain++;
    commits.push(...each.map((commit) => ({ kind: 'commit', at, ...commit, isUncertain: true }) as const));
  }
  return commits;
}

async function readTable({ clientConfig, tableName }: Stack) {
  const items: StoredItem[] = [];
  const emitted: Commit[] = [];
  const held: HistoryLine[] = [];
  const client = new DynamoDBClient(clientConfig);
  for await (const { Items = [] } of paginateScan({ client }, { TableName: tableName, ConsistentRead: true })) {
    for (const image of Items as Image[]) {
      const [pk, sk] = [image['pk']?.S ?? '', image['sk']?.S ?? ''];
      if (pk === CONTROL_PARTITION && sk.startsWith('hold#')) {
        held.push({ kind: 'held', key: image['key']?.S ?? '', reason: image['reason']?.S ?? '' });
      }
      if (isOwnPartition(pk) || isSignalKey(sk)) continue;
      const { state, receipts, processedAt, expiresAtSeconds } = itemStateOf(image);
      items.push({
        ...{ kind: 'item', key: pk, position: sk, id: image['id']?.S ?? '', state },
        ...(receipts.length === 0 ? {} : { receipts }),
        ...(processedAt === undefined ? {} : { processedAt }),
        ...(expiresAtSeconds === undefined ? {} : { expiresAt: expiresAtSeconds }),
      });
      if (pk.startsWith(`${AGGREGATE.emitted}#`)) emitted.push(emittedBy(image, pk, sk));
    }
  }
  client.destroy();
  return { items, emitted, held };
}

/** The table is the proof that a consumer committed an event: its process logs nothing. */
function emittedBy(image: Image, key: string, position: string): Commit {
  const events = (image['events']?.L ?? []).map(({ M = {} }) => ({
    ...{ id: M['id']?.S ?? '', topic: M['topic']?.S ?? '' },
  }));
  return {
    ...{ kind: 'commit', at: Number(image['committedAt']?.N), key, position },
    events: events.map(({ id, topic }) => ({ id, topic: topic === '' ? (events[0]?.topic ?? '') : topic })),
    cause: { id: image['causationId']?.S ?? '', consumer: 'confirmer' satisfies ConsumerName },
  };
}

/** The stream of the effects' table has the order of the commits. */
async function readEffects({ clientConfig }: Stack): Promise<HistoryLine[]> {
  const client = new DynamoDBClient(clientConfig);
  const streams = new DynamoDBStreamsClient(clientConfig);
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: TABLE.effects }));
    const StreamArn = Table?.LatestStreamArn ?? '';
    const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
    const byShard: HistoryLine[][] = [];
    for (const shard of StreamDescription?.Shards ?? []) byShard.push(await readShard(streams, StreamArn, shard));
    return byShard.flat();
  } finally {
    client.destroy();
    streams.destroy();
  }
}

async function readShard(
  streams: DynamoDBStreamsClient,
  StreamArn: string,
  { ShardId }: Shard,
): Promise<HistoryLine[]> {
  const lines: HistoryLine[] = [];
  const first = await streams.send(
    new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  let iterator = first.ShardIterator;
  while (iterator !== undefined) {
    const { Records = [], NextShardIterator } = await streams.send(new GetRecordsCommand({ ShardIterator: iterator }));
    for (const { dynamodb } of Records) {
      const { consumer, event } = dynamodb?.NewImage ?? {};
      lines.push({ kind: 'effect', consumer: consumer?.S ?? '', id: event?.S ?? '' });
    }
    if (Records.length === 0) break;
    iterator = NextShardIterator;
  }
  return lines;
}

/**
 * How many items are neither published nor discarded. Signals count: an unfinished request is open too. Probes of the
 * sweeper do not: it removes one whose record was lost after a day.
 */
export async function countOpen({ clientConfig, tableName }: Stack): Promise<number> {
  const client = new DynamoDBClient(clientConfig);
  let open = 0;
  const pages = paginateScan(
    { client },
    {
      ...{ TableName: tableName, ConsistentRead: true, Select: 'COUNT' },
      FilterExpression: `${OPEN_FILTER} AND NOT begins_with(pk, :own) AND (attribute_not_exists(replayId) OR replayId <> :probe)`,
      ExpressionAttributeValues: { ':own': { S: OWN_PARTITIONS }, ':probe': { S: PROBE_REPLAY_ID } },
    },
  );
  for await (const { Count = 0 } of pages) open += Count;
  client.destroy();
  return open;
}
