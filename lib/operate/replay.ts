import { PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { TOPIC_PATTERN } from '../event/item';
import { isPosition, positionRuns } from '../event/position';
import { parseReceipt } from '../event/receipt';
import { encodeSignal, newSignal, type ReplaySignal, type OperatorNote } from '../event/signal';
import { uuidV7 } from '../event/uuid';
import { queryPages, scanPages } from '../relay/dynamodb/pages';
import { mapKeys } from './map-keys';
import { askForEach, checkRequest } from './redrive';
import { refuse, requireKey, type OutboxTarget } from './target';
import { positionOf } from './where';

/** Which processed items to replay: those of named keys, or of every key. All bounds are inclusive. */
export interface ReplayRange {
  /** Left out: every key that has a processed item in the range. */
  readonly keys?: readonly string[];
  /** Versions or positions; for named keys only. */
  readonly from?: string;
  readonly to?: string;
  /** Epoch milliseconds of the commit. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Publish to this topic instead of each event's own. */
  readonly topic?: string;
  /** Only events that were written for this topic, such as one that was lost. */
  readonly ofTopic?: string;
}

/** An event whose message is missing, as `verify` finds it. */
export interface MissingEvent {
  readonly pk: string;
  readonly position: string;
  readonly topic: string;
}

export interface ReplayPlan extends ReplayRange {
  readonly keys: readonly string[];
  /** Named keys without a processed item in the range. */
  readonly idle: readonly string[];
}

/** `asked`: the signals are durable. `failed`: these keys got no signal; ask again. */
export interface ReplayReport {
  /** Value of the header `outbox-replay` of every message. */
  readonly replayId: string;
  readonly asked: readonly string[];
  readonly failed: readonly { readonly pk: string; readonly why: string }[];
}

/**
 * Looks up the keys that a replay concerns, and changes nothing. Without keys it scans the table.
 *
 * @throws OutboxError `operation-refused` for bounds that are missing, malformed or contradictory.
 */
export async function planReplay(target: OutboxTarget, range: ReplayRange): Promise<ReplayPlan> {
  const { keys, from, to, sinceMs, untilMs, topic, ofTopic } = range;
  if (keys === undefined && (from !== undefined || to !== undefined)) {
    refuse('replay', 'positions belong to one key: name it, or give times instead.');
  }
  if (keys === undefined && sinceMs === undefined) {
    refuse('replay', 'neither a key nor a time to begin with is given: everything would be published again.');
  }
  for (const name of [topic, ofTopic]) {
    if (name !== undefined && !TOPIC_PATTERN.test(name)) refuse('replay', `"${name}" is no name of a Kafka topic.`);
  }
  const positions = { from: from && positionOf(from), to: to && positionOf(to) };
  const malformed = [positions.from, positions.to].find((text) => text !== undefined && !isPosition(text));
  if (malformed !== undefined) refuse('replay', `"${malformed}" is neither a version nor a position.`);
  if (positions.from !== undefined && positions.to !== undefined && positions.to < positions.from) {
    refuse('replay', 'the last position is before the first.');
  }
  if (sinceMs !== undefined && untilMs !== undefined && untilMs < sinceMs)
    refuse('replay', 'the time to end is before the beginning.');
  const bounds = { ...range, ...positions };
  if (keys === undefined) return { ...bounds, keys: await keysInRange(target, bounds), idle: [] };
  const named = [...new Set(keys)].map((key) => requireKey('replay', key));
  const isFound = await mapKeys(named, (pk) => hasProcessed(target, pk, bounds));
  return { ...bounds, keys: named.filter((_, at) => isFound[at]), idle: named.filter((_, at) => !isFound[at]) };
}

const PROCESSED_IN_RANGE = 'attribute_exists(processedAt) AND committedAt BETWEEN :since AND :until';

const timesOf = (since = 0, until = Number.MAX_SAFE_INTEGER): Record<string, AttributeValue> => ({
  ':since': { N: String(since) },
  ':until': { N: String(until) },
});

/** Every position lies between these. */
const [BEFORE_ALL, BEHIND_ALL] = ['!', '~'];

async function hasProcessed(
  target: OutboxTarget,
  pk: string,
  { from = BEFORE_ALL, to = BEHIND_ALL, sinceMs, untilMs }: ReplayRange,
): Promise<boolean> {
  const pages = queryPages(target, {
    ConsistentRead: true,
    ProjectionExpression: 'pk',
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    FilterExpression: PROCESSED_IN_RANGE,
    ExpressionAttributeValues: {
      ':pk': { S: pk },
      ':from': { S: from },
      ':to': { S: to },
      ...timesOf(sinceMs, untilMs),
    },
  });
  for await (const { items } of pages) if (items.length > 0) return true;
  return false;
}

async function keysInRange(target: OutboxTarget, { sinceMs, untilMs, ofTopic }: ReplayRange) {
  const keys = new Set<string>();
  const pages = scanPages(target, {
    ConsistentRead: true,
    ProjectionExpression: 'pk, receipts',
    FilterExpression: PROCESSED_IN_RANGE,
    ExpressionAttributeValues: timesOf(sinceMs, untilMs),
  });
  for await (const { items } of pages) {
    for (const { pk, receipts } of items) {
      const isOfTopic =
        ofTopic === undefined || receipts?.L?.some(({ S = '' }) => parseReceipt(S)?.topic === ofTopic) === true;
      if (pk?.S !== undefined && isOfTopic) keys.add(pk.S);
    }
  }
  return [...keys];
}

/**
 * Asks the relay to publish processed items once more, with the header `outbox-replay`. Resolves when the signals are
 * durable. A second call is a second replay, with another value of the header.
 */
export function replay(
  target: OutboxTarget,
  plan: Omit<ReplayPlan, 'idle'>,
  request: OperatorNote,
): Promise<ReplayReport> {
  const { keys, from, to, sinceMs, untilMs, topic, ofTopic } = plan;
  const parts = [{ from, to, since: sinceMs, until: untilMs, topic, ofTopic }];
  const asked = keys.map((pk) => ({ pk, parts }));
  return ask(target, asked, request);
}

/**
 * Asks the relay to publish again the events whose messages are missing, and no others: for each topic, those of a key
 * in order. A second call is a second replay: verify first.
 */
export function replayMissing(
  target: OutboxTarget,
  missing: readonly MissingEvent[],
  request: OperatorNote,
): Promise<ReplayReport> {
  const byKey = Map.groupBy(missing, ({ pk }) => pk);
  const asked = [...byKey].map(([pk, events]) => ({ pk, parts: partsOf(events) }));
  return ask(target, asked, request);
}

type ReplayPart = Pick<ReplaySignal, 'from' | 'to' | 'since' | 'until' | 'topic' | 'ofTopic'>;

/** One part for each run of consecutive versions: with a signal per event, the relay would read the key each time. */
const partsOf = (events: readonly MissingEvent[]): ReplayPart[] =>
  [...Map.groupBy(events, ({ topic }) => topic)].flatMap(([ofTopic, missing]) =>
    positionRuns(missing.map(({ position }) => position)).map((run) => ({ ...run, ofTopic })),
  );

async function ask(
  { client, tableName }: OutboxTarget,
  keys: readonly { readonly pk: string; readonly parts: readonly ReplayPart[] }[],
  request: OperatorNote,
): Promise<ReplayReport> {
  checkRequest('replay', request);
  const replayId = uuidV7(request.at);
  // A key that is named twice is asked for once.
  const distinct = [...new Map(keys.map((key) => [key.pk, key])).values()];
  const report = await askForEach(distinct, async ({ pk, parts }) => {
    for (const [index, part] of parts.entries()) {
      // The index puts the sort keys in the order of the positions.
      const signal: ReplaySignal = newSignal(pk, request.at + index, { kind: 'replay', replayId, request, ...part });
      // Without a condition: after a lost response, the SDK's retry would fail on it. The sort key is unique, so the
      // second put writes the same signal.
      const Item = marshall(encodeSignal(signal), { removeUndefinedValues: true });
      await client.send(new PutItemCommand({ TableName: tableName, Item }));
    }
    return pk;
  });
  return { replayId, ...report };
}
