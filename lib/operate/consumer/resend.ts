import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { messageOf } from '../../event/errors';
import { envelopeOf } from '../../consume/decode';
import { encodeRecord } from '../../consume/dynamodb/inbox';
import {
  inboxKeyOf,
  inboxKeyText,
  inboxPartitionKey,
  parkedSortKey,
  RESEND_SORT_KEY,
  resendPartition,
  type InboxKey,
} from '../../consume/inbox-keys';
import { bytesOf, type ConsumedRecord } from '../../consume/record';
import { expiryOf, type ResendAs, type ResendRequest } from '../../consume/request';
import { itemBytes } from '../../dynamodb/item-size';
import type { OperatorNote } from '../../event/signal';
import { uuidV7 } from '../../event/uuid';
import { forEachKey } from '../../timing/for-each';
import type { KafkaTarget } from '../kafka-target';
import { readTopics } from '../kafka-topic-reader';
import { checkRequest } from '../redrive';
import { refuse } from '../target';
import {
  placeOf,
  readDeadLetters,
  type DeadLetter,
  type DeadLettersOptions,
  type DeadLettersReport,
} from './dead-letters';
import type { ConsumerTarget } from './inbox-contents';
import { pendingRequests } from './parked';
import { putRequest } from './redrive-parked';
import { DYNAMODB_LIMITS } from '../../dynamodb/transaction';

/** Which dead letters to send again, and how. */
export interface ResendOptions extends Omit<DeadLettersOptions, 'consumer'> {
  readonly as: ResendAs;
}

/** A dead letter that its consumer can be asked to apply. */
export interface ResendTarget {
  readonly letter: DeadLetter;
  /** The key as the consumer stores it. */
  readonly key: InboxKey;
  /** The message as the consumer read it. */
  readonly record: ConsumedRecord;
}

/** The dead letters that a resend asks for. */
export interface ResendPlan extends Omit<DeadLettersReport, 'letters'> {
  readonly as: ResendAs;
  /** Dead letters of a key in the order of their places. A message with several dead letters is there once. */
  readonly targets: readonly ResendTarget[];
  /** Dead letters that cannot be sent again, and why. */
  readonly refused: readonly { readonly letter: DeadLetter; readonly why: string }[];
  /** Dead letters that the consumer is already asked for and has not done. */
  readonly asked: readonly DeadLetter[];
}

/** `asked`: the requests are durable. `failed`: these dead letters got no request; ask again. */
export interface ResendReport {
  readonly asked: readonly ResendRequest[];
  readonly failed: readonly { readonly place: string; readonly why: string }[];
}

/** A plan keeps its messages in memory. */
const MAX_PLAN_BYTES = 256 * 1024 * 1024;
/** Room for the reason and the operator's note in the item of a parked message. */
const PARKED_OVERHEAD_BYTES = 4 * 1024;

const PUBLISH_AGAIN =
  'Publish it again: by `outbox replay` to a consumer with onReplay "apply", or by the writer, as a new event.';

/**
 * Looks up the dead letters that a resend concerns, and changes nothing. Reads the pending requests of the consumer,
 * and Kafka, to the end that the dead-letter topic has when the call begins.
 *
 * @throws OutboxError `operation-refused` for more than 256 MB of messages; `topic-unreadable`, `service-unavailable`.
 */
export const planResend = (kafka: KafkaTarget, target: ConsumerTarget, options: ResendOptions): Promise<ResendPlan> =>
  planResendBy((input) => readTopics(kafka, input), target, options);

/** The same, with any function that reads Kafka. */
export async function planResendBy(
  reading: Parameters<typeof readDeadLetters>[0],
  target: ConsumerTarget,
  { as, ...options }: ResendOptions,
): Promise<ResendPlan> {
  const { consumer } = target;
  const targets = new Map<string, ResendTarget>();
  const refused: { letter: DeadLetter; why: string }[] = [];
  let bytes = 0;
  const read = await readDeadLetters(reading, { ...options, consumer }, (letter, original) => {
    const wanted = targetOf(letter, original, { topic: options.topic, consumer, as });
    if (typeof wanted === 'string') {
      refused.push({ letter, why: wanted });
      return;
    }
    bytes += bytesOf(wanted.record);
    // Counting continues, so that the error can name the sum.
    if (bytes <= MAX_PLAN_BYTES) targets.set(`${nameOf(wanted)}|${letter.id}`, wanted);
  });
  if (bytes > MAX_PLAN_BYTES) {
    refuse(
      'resend',
      `the selected dead letters have ${bytes} bytes; ${MAX_PLAN_BYTES} can be sent again at a time. Select fewer, by reason, key or time.`,
    );
  }
  const pending = targets.size === 0 ? new Set<string>() : await pendingResends(target);
  const all = [...targets.values()].toSorted(byPlace);
  return {
    ...read,
    as,
    targets: all.filter((each) => !pending.has(nameOf(each))),
    refused,
    asked: all.filter((each) => pending.has(nameOf(each))).map(({ letter }) => letter),
  };
}

/**
 * Asks the running consumer to apply the dead letters. Nothing is published: no other consumer sees them.
 *
 * `parked`: each is parked at its own place in its key, before the events that are parked there already, and the key is
 * redriven. If it fails again, it stays parked, and the later events of the key wait for it. `late`: each is applied
 * once, after all events that were applied before, with `context.late`. If it fails again, nothing waits for it.
 *
 * Each has its effect once, however often it is sent again: the consumer stores its id permanently. For an event
 * without a version, nothing shows whether another delivery was applied longer than `markerRetentionMs` ago.
 *
 * Resolves when the requests are durable, not when they are done; see {@link followParked}. Safe to repeat.
 *
 * @throws OutboxError `operation-refused` without a name or a reason, before anything is written.
 * @example
 * ```ts
 * const kafka: KafkaTarget = { brokers: ['b-1.example.com:9098'], auth: { kind: 'iam' } };
 * const target = { client: new DynamoDBClient({}), tableName: 'shipping-inbox', consumer: 'shipping' };
 * const plan = await planResend(kafka, target, { topic: 'orders', as: 'parked', reasons: ['handler-failed'] });
 * const { asked } = await resendDeadLetters(target, plan, { by: 'me', at: Date.now(), why: 'address parser fixed' });
 * await followParked(target, asked, { timeoutMs: 60_000 });
 * ```
 */
export async function resendDeadLetters(
  target: ConsumerTarget,
  plan: Pick<ResendPlan, 'as' | 'targets'>,
  request: OperatorNote,
  options: { /** Called with the number of dead letters done. */ readonly onProgress?: (done: number) => void } = {},
): Promise<ResendReport> {
  const { as, targets } = plan;
  const { onProgress } = options;
  checkRequest('resend', request);
  const asked: ResendRequest[] = [];
  const failed: { place: string; why: string }[] = [];
  const keys = [...Map.groupBy(targets, ({ key }) => inboxKeyText(key)).values()];
  await forEachKey(keys, async (letters) => {
    // One by one: the consumer must not find a later dead letter of a key without the earlier ones.
    let failure: string | undefined;
    for (const [index, { letter, key, record }] of letters.entries()) {
      const resent = placeOf(letter);
      const one: ResendRequest = { id: uuidV7(request.at + index), asks: 'resend', as, key, request, resent };
      try {
        if (failure === undefined) {
          await putMessage(target, one, record);
          await putRequest(target, one);
          asked.push(one);
        }
      } catch (error) {
        failure = messageOf(error);
      }
      if (failure !== undefined) failed.push({ place: resent, why: failure });
      onProgress?.(asked.length + failed.length);
    }
  });
  return { asked, failed };
}

/** The message is written first: a request without one ends as `not-there`. One without a request expires. */
async function putMessage(
  { client, tableName, consumer }: ConsumerTarget,
  { id, request }: ResendRequest,
  record: ConsumedRecord,
): Promise<void> {
  const Item = marshall({ ...messageItem(consumer, id, record), expiresAt: expiryOf(request.at) });
  await client.send(new PutItemCommand({ TableName: tableName, Item }));
}

const messageItem = (consumer: string, id: string, record: ConsumedRecord) => ({
  pk: resendPartition(consumer, id),
  sk: RESEND_SORT_KEY,
  ...encodeRecord(record),
});

/** The target, or why the dead letter cannot be sent again. */
function targetOf(
  letter: DeadLetter,
  original: () => ConsumedRecord,
  { topic, consumer, as }: { readonly topic: string; readonly consumer: string; readonly as: ResendAs },
): ResendTarget | string {
  const { from } = letter;
  if (from.topic === '') return 'No consumer of this package wrote it: it does not name the place of its message.';
  if (from.topic !== topic) {
    return `It is of topic "${from.topic}" and so of another consumer: this is the dead-letter topic of both.`;
  }
  if (!Number.isSafeInteger(from.partition) || from.partition < 0 || !/^\d{1,19}$/.test(from.offset)) {
    return 'It does not name the place of its message: its partition or offset is no number.';
  }
  const record = original();
  if (!Number.isSafeInteger(record.timestamp)) return 'It does not name the time of its message.';
  const envelope = envelopeOf(record);
  if ('reason' in envelope) {
    return `${envelope.reason}: ${envelope.message} It does not identify its event, so it cannot be applied exactly once. ${PUBLISH_AGAIN}`;
  }
  const key = inboxKeyOf(envelope);
  const itself = itemBytes(messageItem(consumer, uuidV7(0), record)) + PARKED_OVERHEAD_BYTES;
  const parked = itself + inboxPartitionKey(consumer, key).length + parkedSortKey(record).length;
  const needed = as === 'late' ? itself : parked;
  if (needed > DYNAMODB_LIMITS.itemBytes) {
    return `It takes ${needed} bytes as an item with its notes, DynamoDB takes ${DYNAMODB_LIMITS.itemBytes}. ${PUBLISH_AGAIN}`;
  }
  return { letter, key, record };
}

async function pendingResends(target: ConsumerTarget): Promise<ReadonlySet<string>> {
  const pending = new Set<string>();
  for await (const request of pendingRequests(target, target.consumer)) {
    if (request.asks === 'skip' || request.resent === undefined) continue;
    pending.add(`${inboxKeyText(request.key)}|${request.resent}`);
  }
  return pending;
}

/** A request names the key and the place of its message. */
const nameOf = ({ key, letter }: Pick<ResendTarget, 'key' | 'letter'>): string =>
  `${inboxKeyText(key)}|${placeOf(letter)}`;

const byPlace = ({ record: a }: ResendTarget, { record: b }: ResendTarget): number =>
  a.partition - b.partition || (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0);
