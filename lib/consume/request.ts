import { isRecord } from '../event/options';
import type { Request } from '../event/signal';
import { inboxKeyOf, type InboxKey } from './inbox-keys';

/**
 * What an operator asks of a consumer. It is an item of the consumer's table: handlers run in the consumer's own process,
 * so the wish travels to it.
 *
 * `redrive`: apply what is parked of the key, in order. `skip`: discard the message at the head of the parking, if it is
 * the one at `position`, and redrive the rest.
 */
export type ParkingRequest = RedriveRequest | SkipRequest;

/** Asks a running consumer to apply what is parked of a key. */
export interface RedriveRequest {
  /** UUIDv7: requests are done in their order. */
  readonly id: string;
  readonly asks: 'redrive';
  readonly key: InboxKey;
  readonly request: Request;
  /** Of what was a skip before: the discarded message. */
  readonly skipped?: string;
}

/** Asks a running consumer to discard one parked message for good, and to apply the rest of its key. */
export interface SkipRequest extends Omit<RedriveRequest, 'asks' | 'skipped'> {
  readonly asks: 'skip';
  /** The sort key of the parked message. */
  readonly position: string;
}

/**
 * How a request ended. `released`: nothing of the key is parked. `refused`: an event failed again, and the key waits.
 * `not-there`: the message that was to be skipped does not head the parking; nothing was done.
 */
export type AnswerOutcome = 'released' | 'refused' | 'not-there';

/** Kept beside the requests for 30 days. */
export interface Answer {
  readonly id: string;
  readonly asks: 'redrive' | 'skip';
  readonly key: InboxKey;
  readonly request: Request;
  readonly outcome: AnswerOutcome;
  /** Epoch milliseconds. */
  readonly at: number;
  /** How many events left the parking with an effect or as duplicates, in the look that ended it. */
  readonly released: number;
  /** Why an event failed again. */
  readonly message?: string;
}

export const ANSWER_LIFE_MS = 30 * 24 * 3600_000;

type Item = Readonly<Record<string, unknown>>;

/** A request or an answer in the partition `pk`: its id is the sort key. */
export const encodeRequest = (pk: string, { id, key, ...rest }: ParkingRequest | Answer): Record<string, unknown> => ({
  pk,
  sk: id,
  ...rest,
  ...inboxKeyOf(key),
});

/** `undefined` for what is no request that this version knows. */
export function decodeRequest(item: Item): ParkingRequest | undefined {
  const common = decodeCommon(item);
  if (common === undefined) return undefined;
  const { asks, position, skipped } = item;
  if (asks === 'redrive') return { ...common, asks, ...(typeof skipped === 'string' ? { skipped } : {}) };
  return asks === 'skip' && typeof position === 'string' ? { ...common, asks, position } : undefined;
}

const OUTCOMES: readonly unknown[] = ['released', 'refused', 'not-there'] satisfies readonly AnswerOutcome[];

/** `undefined` for what is no answer that this version knows. */
export function decodeAnswer(item: Item): Answer | undefined {
  const common = decodeCommon(item);
  const { asks, outcome, at, released, message } = item;
  if (common === undefined || !OUTCOMES.includes(outcome) || (asks !== 'redrive' && asks !== 'skip')) return undefined;
  return {
    ...common,
    asks,
    outcome: outcome as AnswerOutcome,
    at: Number(String(at)),
    released: Number(released),
    ...(typeof message === 'string' ? { message } : {}),
  };
}

function decodeCommon({
  sk: id,
  source,
  topic,
  key,
  aggregate,
  partition,
  request,
}: Item): Omit<RedriveRequest, 'asks'> | undefined {
  if (![id, source, topic, key].every((text) => typeof text === 'string') || !isRecord(request)) return undefined;
  const { by, at, why } = request;
  return {
    id: String(id),
    key: {
      source: String(source),
      topic: String(topic),
      key: String(key),
      ...(typeof aggregate === 'string' ? { aggregate } : {}),
      ...(partition === undefined ? {} : { partition: Number(partition) }),
    },
    request: { by: String(by), at: Number(String(at)), why: String(why) },
  };
}
