import { TransactGetItemsCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { cancellationCodes } from '../../dynamodb/refusals';
import { isThrottling } from '../../dynamodb/sdk-error';
import type { Image, ItemKey } from '../../event/item';
import { isOpen, itemStateOf } from '../../event/item-state';
import { isSignalKey } from '../../event/signal';
import { throttledMs } from '../../timing/backoff';
import type { Sleep } from '../../timing/wait';
import { PositionsUnread } from '../key-failure';
import { forEachKey } from '../../timing/for-each';
import { groupsOf, KEYS_PER_CALL, readItems, type Key } from './item';
import type { DirectCalls } from './direct-calls';
import { queryPages, type OutboxTable } from './pages';
import { positionKey } from '../../event/position';
import type { KeyReader, StoredState, StoredItem } from '../ports';
import { parseReceipts } from '../../event/receipt';
import { dataBytesOf, decodeStored } from '../record';

/** The item before `upTo` is usually processed, which ends the search. */
const FIRST_LIMIT = 2;
const FURTHER_LIMIT = 200;
const PAGE = 100;
/** Several keys are drained at once. */
const PORTION_BYTES = 8 * 1024 * 1024;
const ATTEMPTS = 6;
/** After this many attempts, a transactional read continues without the throttled keys. */
const PATIENT_ATTEMPTS = 3;
const STATE = {
  ProjectionExpression: 'pk, sk, id, #region, processedAt, discarded, parked, receipts',
  ExpressionAttributeNames: { '#region': 'region' },
};

/** The result of one call; keys that are in none of the lists are absent. */
interface Read {
  readonly found: readonly Image[];
  /** Throttled. */
  readonly unread: readonly Key[];
  /** A transaction in progress is about to write them. */
  readonly unfinished?: readonly Key[];
}

export function keyReader(table: OutboxTable, sleep: Sleep, direct?: DirectCalls): KeyReader {
  const { client, tableName } = table;
  async function* query(
    input: Omit<QueryCommandInput, 'TableName' | 'ConsistentRead'>,
    furtherLimit?: number,
  ): AsyncGenerator<readonly Image[]> {
    for await (const { items } of queryPages(table, { ...input, ConsistentRead: true }, furtherLimit)) {
      yield items.filter((image) => !isSignalKey(image['sk']?.S ?? ''));
    }
  }

  /** Reads keys that no unfinished transaction is about to write. One throttled key cancels the call for all. */
  const readTransacted = async (keys: readonly Key[]): Promise<Read> => {
    const unfinished: Key[] = [];
    const unread: Key[] = [];
    let open: readonly Key[] = keys;
    for (let attempt = 0; open.length > 0 && attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(throttledMs(attempt));
      try {
        const { Responses } = await client.send(
          new TransactGetItemsCommand({
            TransactItems: open.map((Key) => ({ Get: { TableName: tableName, Key, ...STATE } })),
          }),
        );
        const found = (Responses ?? []).flatMap(({ Item }) => (Item === undefined ? [] : [Item as Image]));
        return { found, unread, unfinished };
      } catch (error) {
        const codes = cancellationCodes(error);
        if (codes === undefined) throw error;
        const isConflict = (at: number): boolean => codes[at] === 'TransactionConflict';
        const isGivenUp = (at: number): boolean => attempt >= PATIENT_ATTEMPTS && isThrottling(codes[at]);
        if (!open.some((_, at) => isConflict(at)) && !codes.some(isThrottling)) throw error;
        unfinished.push(...open.filter((_, at) => isConflict(at)));
        unread.push(...open.filter((_, at) => isGivenUp(at)));
        open = open.filter((_, at) => !isConflict(at) && !isGivenUp(at));
      }
    }
    return { found: [], unread: [...unread, ...open], unfinished };
  };

  /** Rejects if some keys stayed unread, after all others were read. */
  const readAll = async (
    positions: readonly ItemKey[],
    read: (keys: readonly Key[]) => Promise<Read>,
  ): Promise<{ readonly stored: ReadonlyMap<string, StoredState>; readonly unfinished: ReadonlySet<string> }> => {
    const stored = new Map<string, StoredState>();
    const unfinished = new Set<string>();
    const unread: ItemKey[] = [];
    const keys = new Map(positions.map(({ pk, sk }) => [positionKey(pk, sk), { pk: { S: pk }, sk: { S: sk } }]));
    await forEachKey(groupsOf([...keys.values()], KEYS_PER_CALL), async (ofCall) => {
      const answer = await read(ofCall);
      for (const image of answer.found) stored.set(positionOf(image), storedStateOf(image));
      for (const key of answer.unfinished ?? []) unfinished.add(positionOf(key));
      unread.push(...answer.unread.map(({ pk, sk }) => ({ pk: pk?.S ?? '', sk: sk?.S ?? '' })));
    });
    if (unread.length > 0) throw new PositionsUnread(stored, unread);
    return { stored, unfinished };
  };

  return {
    async earliestOpen(pk, upTo) {
      let earliest: string | undefined;
      const back = query(
        {
          KeyConditionExpression: 'pk = :pk AND sk <= :upTo',
          ExpressionAttributeValues: { ':pk': { S: pk }, ':upTo': { S: upTo } },
          ProjectionExpression: 'pk, sk, processedAt, discarded, parked',
          ScanIndexForward: false,
          Limit: FIRST_LIMIT,
        },
        FURTHER_LIMIT,
      );
      for await (const page of back) {
        for (const image of page) {
          const { state } = itemStateOf(image);
          if (state === 'processed') return earliest;
          if (isOpen(state)) earliest = image['sk']?.S;
        }
      }
      return earliest;
    },

    async *pages(pk, from) {
      const images = query({
        KeyConditionExpression: 'pk = :pk AND sk >= :from',
        ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: from } },
        Limit: PAGE,
      });
      for await (const page of images) yield* portionsOf(page);
    },

    async lookUp(positions) {
      return (await readAll(positions, (keys) => readItems(table, keys, STATE, sleep, direct))).stored;
    },

    lookUpTransacted: (positions) => readAll(positions, readTransacted),
  };
}

/** Decodes a page in portions, of which one is in memory at a time: compressed data may be much larger than the page. */
function* portionsOf(page: readonly Image[]): Generator<readonly StoredItem[]> {
  let portion: StoredItem[] = [];
  let bytes = 0;
  for (const image of page) {
    const item = storedItemOf(image);
    portion.push(item);
    bytes += dataBytesOf(item.content);
    if (bytes < PORTION_BYTES) continue;
    yield portion;
    portion = [];
    bytes = 0;
  }
  if (portion.length > 0 || page.length === 0) yield portion;
}

const positionOf = ({ pk, sk }: Readonly<Record<string, { readonly S?: string }>>): string =>
  positionKey(pk?.S ?? '', sk?.S ?? '');

export function storedStateOf(image: Image): StoredState {
  const { state, receipts } = itemStateOf(image);
  const noted = isOpen(state) ? parseReceipts(receipts) : [];
  return {
    state,
    id: image['id']?.S,
    region: image['region']?.S,
    ...(noted.length === 0 ? {} : { receipts: noted }),
  };
}

export function storedItemOf(image: Image): StoredItem {
  const { parked } = itemStateOf(image);
  return {
    ...storedStateOf(image),
    pk: image['pk']?.S ?? '',
    sk: image['sk']?.S ?? '',
    content: decodeStored(image),
    refusals: { attempts: parked?.attempts ?? 0, since: parked?.since },
  };
}
