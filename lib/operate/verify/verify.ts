import { OutboxError } from '../../event/errors';
import { decodeItem, type Image } from '../../event/item';
import { itemStateOf, type ItemStateName } from '../../event/item-state';
import { forEachKey } from '../../timing/for-each';
import { controlStore } from '../../relay/dynamodb/control';
import { projectionOf, queryPages, scanPages, type Page } from '../../relay/dynamodb/pages';
import { goneItems, type GoneItem } from '../gone';
import { MissingVersionFinder, type MissingVersions } from './missing-versions';
import type { KafkaTarget } from '../kafka-target';
import { readTopics, type ReadTopics } from '../kafka-topic-reader';
import type { ReadTopicsOptions } from '../topic-consumption';
import { type OutboxTarget, refuse, requireKey, timeLimited } from '../target';
import {
  CLOCK_MARGIN_MS,
  TopicComparison,
  type VerifyFinding,
  type VerifyFindingCount,
  type VerifyTotals,
} from './comparison';

/** Which items to verify, by the epoch milliseconds of their commit. Both bounds are inclusive. */
export interface VerifyOptions {
  readonly sinceMs: number;
  /** Default: now. */
  readonly untilMs?: number;
  /** Default: every key. */
  readonly keys?: readonly string[];
  /** The versions of a key have gaps by design, so a skipped version is not reported as missing. Default false. */
  readonly sparse?: boolean;
  /** Called as table and topics are read. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Gets every finding, after everything was read; the next one waits for the promise. */
  readonly onFinding?: (finding: VerifyFinding) => void | Promise<void>;
}

/** The progress of a verification. */
export interface VerifyProgress {
  /** Items of the table that were scanned. */
  readonly scanned: number;
  /** Offsets passed in Kafka, and all offsets to pass; 0 while the table is read. */
  readonly passed: number;
  readonly toPass: number;
}

/** A partition that ends before messages that Kafka has acknowledged. */
export interface ShortPartition {
  readonly topic: string;
  readonly partition: number;
  /** The offset after its last message. */
  readonly end: string;
  /** The highest offset that a receipt names. */
  readonly receipt: string;
}

/** How many findings of each kind in each topic the report contains. */
export const REPORTED_FINDINGS = 10;

/**
 * Nothing is wrong if `counts`, `unreadTopics`, `missingVersions` and `gone` are empty and `moreMissingVersions` is 0. If only
 * `not-readable-yet` is counted, the result is undecided. The report can be written as JSON.
 */
export interface VerifyReport extends VerifyTotals, Pick<ReadTopics, 'absentTopics' | 'leftGroup'> {
  readonly tableName: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Items in the range by their state. Pending and parked items are not published yet, which is no finding. */
  readonly items: Readonly<Record<ItemStateName, number>>;
  /** Items in the range that could not be compared: undecodable, or stripped of their events because they were full. */
  readonly unreadable: number;
  /** Events of processed items: each has its message in its topic, is expired, replaced or unread, or is a finding. */
  readonly events: number;
  /** The first 10 findings of each kind in each topic; `onFinding` gets all. */
  readonly findings: readonly VerifyFinding[];
  /** All findings by kind and topic. */
  readonly counts: readonly VerifyFindingCount[];
  /** Partitions that end before receipts of their events: the topic was recreated, or has lost its end. */
  readonly shortPartitions: readonly ShortPartition[];
  /**
   * Versions that are missing from the table between two of their key, and that no skip explains. Holes cannot be seen
   * in keys without versions, before the first version of a key, or behind an expired one.
   */
  readonly missingVersions: readonly MissingVersions[];
  /** Number of further missing versions that did not fit into memory and were not read again. */
  readonly moreMissingVersions: number;
  /** Items that keys wait for and that were deleted. */
  readonly gone: readonly GoneItem[];
  /** Topics or partitions that could not be read, each with the offset and the reason. */
  readonly unreadTopics: ReadTopics['unread'];
}

const READ = [
  ...['pk', 'sk', 'id', 'events', 'source', 'region', 'committedAt'],
  ...['processedAt', 'receipts', 'parked', 'discarded', 'expiresAt'],
];

/**
 * Compares the committed events with the messages in Kafka. Reads only: the whole table unless keys are given, and the
 * topics from the beginning of the range to their ends. Takes some 250 bytes of memory for each event, and no data.
 *
 * May run next to writers and the relay. It reads the table first, strongly consistent. A message that is marked there
 * was acknowledged before, so it lies below the ends of the topics, which are read afterwards.
 *
 * If a topic cannot be read, the others still are: see `unreadTopics`.
 *
 * @throws OutboxError `operation-refused` for an invalid range or a malformed key; `service-unavailable` if table or
 * cluster do not respond. Rejects if the table cannot be read in full.
 */
export const verify = (target: OutboxTarget, kafka: KafkaTarget, options: VerifyOptions): Promise<VerifyReport> =>
  verifyAgainst(target, (reading) => readTopics(kafka, reading), options);

/** The same, with any function that reads the topics. */
export async function verifyAgainst(
  target: OutboxTarget,
  read: (reading: ReadTopicsOptions) => Promise<ReadTopics>,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { sinceMs, untilMs = Date.now(), onProgress } = options;
  if (![sinceMs, untilMs].every(Number.isFinite)) refuse('verify', 'the range must be given in epoch milliseconds.');
  if (untilMs < sinceMs) refuse('verify', 'the time to end is before the beginning.');
  const keys = options.keys?.map((key) => requireKey('verify', key));

  const comparison = new TopicComparison();
  const finder = new MissingVersionFinder(Date.now());
  const items: Record<ItemStateName, number> = { pending: 0, processed: 0, parked: 0, discarded: 0 };
  let [unreadable, events, scanned] = [0, 0, 0];
  await readItems(timeLimited(target, 'reading the items'), { sinceMs, untilMs, keys }, (page) => {
    for (const image of page.items) {
      const { state, receipts } = itemStateOf(image);
      items[state]++;
      // A scan shows one key after the other; named keys are read at the same time.
      if (keys === undefined) finder.forgetOthers(image['pk']?.S ?? '');
      finder.see(image);
      const item = decoded(image);
      if (item === undefined) {
        unreadable++;
        continue;
      }
      if (state === 'processed') events += item.events.length;
      comparison.add({ ...item, position: item.sk, state, receipts });
    }
    scanned += page.scanned;
    onProgress?.({ scanned, passed: 0, toPass: 0 });
  });

  const topics: ReadTopics =
    comparison.topics.size === 0
      ? { extents: [], absentTopics: [], unread: [] }
      : await read({
          topics: comparison.topics,
          sinceMs: Math.max(0, sinceMs - CLOCK_MARGIN_MS),
          receipts: (topic, partition) => comparison.receiptRange(topic, partition),
          onMessage: (message) => comparison.see(message),
          onHidden: (place) => comparison.seeHidden(place),
          onProgress: (passed, toPass) => onProgress?.({ scanned, passed, toPass }),
        });
  const { extents, absentTopics, unread: unreadTopics, leftGroup } = topics;
  const { tableName } = target;
  const looked = timeLimited(target, 'reading the holds');
  const control = await controlStore(looked).read();
  const holds = [...control.holds.values()].filter(({ pk }) => keys?.includes(pk) ?? true);
  const gone = [...(await goneItems(looked, holds)).values()];
  // Runs after the topics are read: a transaction that the scan showed in part has ended by now.
  const { missingVersions, unread: moreMissingVersions } =
    options.sparse === true ? { missingVersions: [], unread: 0 } : await finder.confirmed(looked, control);
  return {
    ...{ tableName, sinceMs, untilMs, items, unreadable, events, absentTopics, unreadTopics, leftGroup },
    shortPartitions: extents.flatMap(({ topic, partition, end, heldBack }): ShortPartition[] => {
      const receipt = comparison.receiptRange(topic, partition)?.highest;
      if (receipt === undefined || receipt < (heldBack?.end ?? end)) return [];
      return [{ topic, partition, end: String(end), receipt: String(receipt) }];
    }),
    ...{ missingVersions, moreMissingVersions, gone },
    ...(await gathered(
      comparison.findings({ extents, unreadTopics: new Set(unreadTopics.map(({ topic }) => topic)) }),
      options.onFinding,
    )),
  };
}

async function gathered(
  all: Generator<VerifyFinding, VerifyTotals>,
  onFinding: VerifyOptions['onFinding'],
): Promise<VerifyTotals & Pick<VerifyReport, 'findings' | 'counts'>> {
  const findings: VerifyFinding[] = [];
  const counts = new Map<string, { kind: VerifyFinding['kind']; topic: string; count: number }>();
  for (;;) {
    const { done, value } = all.next();
    if (done === true) return { ...value, findings, counts: [...counts.values()] };
    const { kind, topic } = value;
    const name = `${kind} ${topic}`;
    const group = counts.get(name) ?? { kind, topic, count: 0 };
    counts.set(name, group);
    if (++group.count <= REPORTED_FINDINGS) findings.push(value);
    await onFinding?.(value);
  }
}

function decoded(image: Image): ReturnType<typeof decodeItem> | undefined {
  try {
    return decodeItem(image);
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-item')) return undefined;
    throw error;
  }
}

type ItemRange = Required<Pick<VerifyOptions, 'sinceMs' | 'untilMs'>> & Pick<VerifyOptions, 'keys'>;

/** Shows the items page by page, so that their data is not kept. */
async function readItems(
  target: OutboxTarget,
  { sinceMs, untilMs, keys }: ItemRange,
  onPage: (page: Page) => void,
): Promise<void> {
  const range = { ':since': { N: String(sinceMs) }, ':until': { N: String(untilMs) } };
  const request = {
    ConsistentRead: true,
    ...projectionOf(READ),
    FilterExpression: '#committedAt BETWEEN :since AND :until',
    ExpressionAttributeValues: range,
  };
  if (keys === undefined) {
    for await (const page of scanPages(target, request)) onPage(page);
    return;
  }
  await forEachKey([...new Set(keys)], async (pk) => {
    const ofKey = { KeyConditionExpression: '#pk = :pk', ExpressionAttributeValues: { ...range, ':pk': { S: pk } } };
    for await (const page of queryPages(target, { ...request, ...ofKey })) onPage(page);
  });
}
