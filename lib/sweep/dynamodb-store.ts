import {
  DeleteItemCommand,
  DescribeTableCommand,
  PutItemCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
  type ScanCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { GapState } from '../event/control';
import { controlPartitionOf, streamNameOf } from '../event/home-region';
import type { Image, ItemKey } from '../event/item';
import { storedKeyOf } from '../event/signal';
import type { Sleep } from '../timing/wait';
import { controlStore, stateWriter } from '../relay/dynamodb/control';
import { groupsOf, KEYS_PER_CALL, readItem, readItems } from '../relay/dynamodb/item';
import { projectionOf, scanSelectionOfHome } from '../relay/dynamodb/pages';
import { putSignal, replaceSignal, signalStore } from '../relay/dynamodb/signals';
import type { Clock } from '../relay/ports';
import { decodeProgress, encodeProgress, type PassHistory, type StreamProbe } from './scan-progress';
import type { SweeperConfig } from './environment';
import { InvalidScanKey, type SweepStore } from './ports';

/** Sort keys in the control partition. Relays ignore these items, so writing them raises no revision. */
const [PROGRESS, PROBES, PASSES] = ['!sweep', '!sweep-probes', '!sweep-passes'];
/** Differs from the attribute of the first sweepers, which stop at segments only: they begin their own scan. */
const PROGRESS_ATTRIBUTE = 'resumablePass';

/** All attributes except the events: the scan costs the same units, but transfers and holds a fraction of the bytes. */
const SCANNED = [
  ...['pk', 'sk', 'id', 'committedAt', 'processedAt', 'parked', 'discarded', 'setAside'],
  ...['kind', 'request', 'from', 'to', 'position', 'replayId', 'since', 'until', 'topic'],
];
const PROJECTION = projectionOf(SCANNED);

const READ_AGAIN = { ProjectionExpression: 'pk, sk, id, processedAt, discarded, parked, setAside' };

/** The table for the sweeper: scans at a limited rate, and conditional writes. */
export function sweepStore(
  client: DynamoDBClient,
  { tableName, readUnitsPerSecond, home }: Pick<SweeperConfig, 'tableName' | 'readUnitsPerSecond' | 'home'>,
  clock: Clock,
  sleep: Sleep,
): SweepStore {
  const table = { client, tableName, home };
  const control = controlStore(table, clock);
  const signals = signalStore(client, tableName, clock);
  const updateState = stateWriter(table);
  const progressKey = { pk: controlPartitionOf(home), sk: PROGRESS };
  const probesKey = { pk: controlPartitionOf(home), sk: PROBES };
  const passesKey = { pk: controlPartitionOf(home), sk: PASSES };
  const pace = pacer(readUnitsPerSecond, clock, sleep);

  const scan = async (
    index: number,
    segments: number,
    start: Record<string, AttributeValue> | undefined,
    after: ItemKey | undefined,
  ): Promise<ScanCommandOutput> => {
    try {
      return await client.send(
        new ScanCommand({
          TableName: tableName,
          Segment: index,
          TotalSegments: segments,
          ExclusiveStartKey: start,
          ...PROJECTION,
          ...scanSelectionOfHome(PROJECTION, home),
          ReturnConsumedCapacity: 'TOTAL',
        }),
      );
    } catch (error) {
      // The key comes from another run, and this table may not accept it.
      if (after !== undefined && error instanceof Error && error.name === 'ValidationException') {
        throw new InvalidScanKey(
          `DynamoDB refuses to resume the scan of segment ${index} of ${segments} at the saved key.`,
          { cause: error },
        );
      }
      throw error;
    }
  };

  const readOwn = async (key: ItemKey): Promise<Record<string, unknown> | undefined> => {
    const item = await readItem(table, key);
    return item === undefined ? undefined : unmarshall(item);
  };

  const writeOwn = async (item: Record<string, unknown>): Promise<void> => {
    const Item = marshall(item, { removeUndefinedValues: true });
    await client.send(new PutItemCommand({ TableName: tableName, Item }));
  };

  /** Returns `false` if the stream or the gap suspicion has changed since it was read. */
  const changeState = async (
    { streamArn, gapSuspectedSince }: GapState,
    change: string,
    values?: Record<string, AttributeValue>,
  ): Promise<boolean> => {
    const changed = await updateState({
      UpdateExpression: `${change} ADD revision :one`,
      ConditionExpression: [
        streamArn === undefined ? 'attribute_not_exists(streamArn)' : 'streamArn = :streamArn',
        gapSuspectedSince === undefined ? 'attribute_not_exists(doubtSince)' : 'doubtSince = :suspectedSince',
      ].join(' AND '),
      ExpressionAttributeValues: {
        ...values,
        ':one': { N: '1' },
        ...(streamArn === undefined ? {} : { ':streamArn': { S: streamArn } }),
        ...(gapSuspectedSince === undefined ? {} : { ':suspectedSince': { N: String(gapSuspectedSince) } }),
      },
    });
    return changed !== undefined;
  };

  return {
    readControl: () => control.read(),
    noteStream: (known, streamArn) => control.noteStream(known, streamArn),
    markUnprocessable: (signal, why) => signals.markUnprocessable(signal, why),

    async *segment(index, segments, after) {
      let start = after === undefined ? undefined : marshall(after);
      do {
        await pace.turn();
        const { Items, ConsumedCapacity, LastEvaluatedKey } = await scan(index, segments, start, after);
        const readUnits = ConsumedCapacity?.CapacityUnits ?? 0;
        pace.used(readUnits);
        start = LastEvaluatedKey;
        const next = start === undefined ? undefined : { pk: start['pk']?.S ?? '', sk: start['sk']?.S ?? '' };
        yield { images: Items ?? [], readUnits, next };
      } while (start !== undefined);
    },

    async read(keys) {
      const found: Image[] = [];
      for (const group of groupsOf(keys, KEYS_PER_CALL)) {
        const wanted = group.map(({ pk, sk }) => marshall({ pk, sk }));
        const read = await readItems(table, wanted, READ_AGAIN, sleep);
        if (read.unread.length > 0)
          throw new Error(`DynamoDB left ${read.unread.length} keys of a BatchGetItem unread.`);
        found.push(...read.found);
      }
      return found;
    },

    pause: sleep,

    head: ({ pk, position }) => readItem(table, { pk, sk: position }),

    async describe() {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
      const streamArn = Table?.StreamSpecification?.StreamEnabled === true ? Table.LatestStreamArn : undefined;
      const isPlain = streamArn === undefined || home === undefined;
      return { streamArn: isPlain ? streamArn : streamNameOf(streamArn, home), bytes: Table?.TableSizeBytes ?? 0 };
    },

    async readProgress() {
      return decodeProgress((await readOwn(progressKey))?.[PROGRESS_ATTRIBUTE]);
    },

    async writeProgress(progress) {
      if (progress === undefined) {
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall(progressKey) }));
        return;
      }
      await writeOwn({ ...progressKey, [PROGRESS_ATTRIBUTE]: encodeProgress(progress) });
    },

    async readPasses() {
      // Only `writePasses` writes it.
      return (await readOwn(passesKey))?.['passes'] as PassHistory | undefined;
    },

    writePasses: (passes) => writeOwn({ ...passesKey, passes }),

    async readProbes() {
      // Only `writeProbes` writes it.
      return ((await readOwn(probesKey))?.['probes'] as StreamProbe[] | undefined) ?? [];
    },

    writeProbes: (probes) => writeOwn({ ...probesKey, probes }),

    remove: (stored) => signals.remove(stored),

    async send(signal) {
      return storedKeyOf(await putSignal(client, tableName, signal));
    },

    replace: (lost, successor) => replaceSignal(client, tableName, lost, successor),
    suspectGap: (known, since) => changeState(known, 'SET doubtSince = :since', { ':since': { N: String(since) } }),
    clearGapSuspicion: (known) => changeState(known, 'REMOVE doubtSince'),
  };
}

/** Limits the read units per second over all segments together. A page is charged after it was read. */
function pacer(
  unitsPerSecond: number,
  clock: Clock,
  sleep: Sleep,
): { turn(): Promise<void>; used(units: number): void } {
  let freeAt = 0;
  return {
    async turn() {
      const waitMs = freeAt - clock.now();
      if (waitMs > 0) await sleep(waitMs);
    },
    used(units) {
      freeAt = Math.max(freeAt, clock.now()) + (units / unitsPerSecond) * 1000;
    },
  };
}
