import { isRecord, withoutUndefined } from '../event/options';
import type { OperatorNote } from '../event/signal';
import type { TableItem } from './client';
import { decodeInboxKey, inboxKeyOf, type InboxKey } from './inbox-keys';

/** A request of an operator: an item of the consumer's table, because handlers run in the consumer's own process. */
export type ConsumerRequest = RedriveRequest | SkipRequest | ResendRequest | ResentRequest;

/** Asks a running consumer to apply the parked events of a key. */
export interface RedriveRequest {
  /** UUIDv7: the consumer carries out requests in their order. */
  readonly id: string;
  readonly asks: 'redrive';
  readonly key: InboxKey;
  readonly request: OperatorNote;
  /** The discarded message, if this was a skip before. */
  readonly skipped?: string;
  /** The place of the message, `topic-partition@offset`, if this was a resend before. */
  readonly resent?: string;
}

/** Asks a running consumer to discard one parked message permanently, and to apply the rest of its key. */
export interface SkipRequest extends Omit<RedriveRequest, 'asks' | 'skipped' | 'resent'> {
  readonly asks: 'skip';
  /** The sort key of the parked message. */
  readonly position: string;
}

/**
 * The place of a dead letter in the order of its key. `parked`: it is parked at its own place, and a redrive of the key
 * follows; if it fails again, it and the later events of the key wait. `late`: it is applied once, after the events
 * that were applied before; if it fails again, no event waits for it.
 */
export type ResendAs = 'parked' | 'late';

/** Asks a running consumer to apply a dead letter. The message itself is an item of its own. */
export interface ResendRequest extends Omit<RedriveRequest, 'asks' | 'skipped' | 'resent'> {
  readonly asks: 'resend';
  readonly as: ResendAs;
  /** The place of the message in its own topic, `topic-partition@offset`. */
  readonly resent: string;
}

/** A dead letter was applied as late, and the request has no result yet. */
export interface ResentRequest extends Omit<ResendRequest, 'asks' | 'as'> {
  readonly asks: 'resent';
}

/**
 * The outcome of a request. `released`: the key is no longer parked, or the dead letter was applied as late. `refused`:
 * an event failed again. The key waits, unless the dead letter was to be applied as late. `not-there`: the message to
 * skip is not the first parked one, or the dead letter has expired; nothing was done. `duplicate`: the dead
 * letter was applied before, or was discarded; nothing was done.
 */
export type ConsumerRequestOutcome = 'released' | 'refused' | 'not-there' | 'duplicate';

/** The result of a request, kept for 30 days. */
export interface ConsumerRequestResult {
  readonly id: string;
  readonly asks: 'redrive' | 'skip' | 'resend';
  readonly key: InboxKey;
  readonly request: OperatorNote;
  /** The place of the dead letter, `topic-partition@offset`. */
  readonly resent?: string;
  readonly outcome: ConsumerRequestOutcome;
  /** Epoch milliseconds. */
  readonly at: number;
  /** How many events were unparked, applied or as duplicates, in the poll that ended the request. */
  readonly released: number;
  /** Why an event failed again. */
  readonly message?: string;
}

export type RequestEnd = Pick<ConsumerRequestResult, 'outcome' | 'released' | 'message'>;

const LIFE_MS = 30 * 24 * 3600_000;

/** The expiry of a result, and of the message of a resend that no instance carries out. */
export const expiryOf = (at: number): number => Math.ceil((at + LIFE_MS) / 1000);

type Item = Readonly<TableItem>;

/** A request or a result in the partition `pk`: its id is the sort key. */
export const encodeRequest = (
  pk: string,
  { id, key, ...rest }: ConsumerRequest | ConsumerRequestResult,
): TableItem => ({
  pk,
  sk: id,
  ...rest,
  ...inboxKeyOf(key),
});

/** `undefined` for an item that is not a request of this version. */
export function decodeRequest(item: Item): ConsumerRequest | undefined {
  const common = decodeCommon(item);
  if (common === undefined) return undefined;
  const { asks, position, skipped, resent, as } = item;
  switch (asks) {
    case 'redrive':
      return withoutUndefined({ ...common, asks, skipped: textOf(skipped), resent: textOf(resent) });
    case 'skip':
      return typeof position === 'string' ? { ...common, asks, position } : undefined;
    case 'resend':
      return typeof resent === 'string' && (as === 'parked' || as === 'late')
        ? { ...common, asks, as, resent }
        : undefined;
    case 'resent':
      return typeof resent === 'string' ? { ...common, asks, resent } : undefined;
    default:
      return undefined;
  }
}

const OUTCOMES: readonly unknown[] = ['released', 'refused', 'not-there', 'duplicate'];
const ASKED: readonly unknown[] = ['redrive', 'skip', 'resend'];

/** `undefined` for an item that is not a result of this version. */
export function decodeRequestResult(item: Item): ConsumerRequestResult | undefined {
  const common = decodeCommon(item);
  const { asks, outcome, at, released, message, resent } = item;
  if (common === undefined || !OUTCOMES.includes(outcome) || !ASKED.includes(asks)) return undefined;
  return withoutUndefined({
    ...common,
    asks: asks as ConsumerRequestResult['asks'],
    resent: textOf(resent),
    outcome: outcome as ConsumerRequestOutcome,
    at: Number(String(at)),
    released: Number(released),
    message: textOf(message),
  });
}

function decodeCommon(item: Item): Omit<RedriveRequest, 'asks'> | undefined {
  const { sk: id, source, topic, key, request } = item;
  if (![id, source, topic, key].every((text) => typeof text === 'string') || !isRecord(request)) return undefined;
  return { id: String(id), key: decodeInboxKey(item), request: operatorNoteOf(request) };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export const operatorNoteOf = ({ by, at, why }: Item): OperatorNote => ({
  by: String(by),
  at: Number(String(at)),
  why: String(why),
});
