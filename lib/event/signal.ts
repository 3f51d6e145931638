import { OutboxError } from './errors';
import { TOPIC_PATTERN, type Image } from './item';
import { SIGNALS_PARTITION } from './key';
import { isPosition, SIGNAL_PREFIX } from './position';
import { uuidV7 } from './uuid';

/** The author, time and reason of a request. Stored on the signal, and on every item that it changes. */
export interface OperatorNote {
  /** A person or a program, such as `arn:aws:iam::…:user/…` or `sweeper`. */
  readonly by: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly why: string;
}

interface SignalKey {
  /** The partition key of the key that the signal concerns. */
  readonly pk: string;
  /** `~signal#<UUIDv7>`: never used twice, because only an insert invokes the relay. */
  readonly sk: string;
  /**
   * The partition key of its item, if that is not `pk`. Another shard then shows the signal, and any shard may drain a
   * key. The revision of the hold ends a drain that another one has overtaken, wherever both run.
   */
  readonly storedUnder?: typeof SIGNALS_PARTITION;
}

/** Publishes all pending and parked items of the key, from `from` on, or from an earlier open item. */
export interface DrainSignal extends SignalKey {
  readonly kind: 'drain';
  readonly request: OperatorNote;
  readonly from: string;
}

/**
 * Discards the parked item that holds its key, and drains the items behind it. Does nothing to any other item. With
 * `gone`, the item is no longer in the table, and a record of the gap takes its place.
 */
export interface SkipSignal extends SignalKey {
  readonly kind: 'skip';
  readonly request: OperatorNote;
  readonly position: string;
  /** Left out for an item whose `id` is not a non-empty text. */
  readonly id?: string;
  /** An `id` of another type in DynamoDB's JSON, such as `{"N":"42"}`; left out for an item without an id. */
  readonly storedId?: string;
  /** An operator has decided that the key continues without the item, which was deleted. */
  readonly gone?: true;
}

/** Publishes processed items of the key once more, with the header `outbox-replay`. Bounds are inclusive. */
export interface ReplaySignal extends SignalKey {
  readonly kind: 'replay';
  readonly request: OperatorNote;
  /** Value of the header: the same for every key and every part of one replay. */
  readonly replayId: string;
  readonly from?: string;
  readonly to?: string;
  /** Lower bound of `committedAt`, in epoch milliseconds. */
  readonly since?: number;
  readonly until?: number;
  /** Topic for every message, instead of its own topic. */
  readonly topic?: string;
  /** Limits the replay to events that were written for this topic. */
  readonly ofTopic?: string;
}

/** An item that asks the relay to act on its key; it travels through the key's shard like an event. */
export type Signal = DrainSignal | SkipSignal | ReplaySignal;

type WithoutKey<S> = S extends Signal ? Omit<S, keyof SignalKey> : never;

/** A new signal for a key, with a unique sort key. */
export const newSignal = <S extends WithoutKey<Signal>>(pk: string, now: number, signal: S): S & SignalKey => ({
  pk,
  sk: `${SIGNAL_PREFIX}${uuidV7(now)}`,
  ...signal,
});

/** The signal as it is stored if the collection of its key is full. */
export const elsewhere = <S extends Signal>(signal: S): S => ({ ...signal, storedUnder: SIGNALS_PARTITION });

/** The primary key of a signal's item. */
export const storedKeyOf = ({ pk, sk, storedUnder }: SignalKey): { readonly pk: string; readonly sk: string } => ({
  pk: storedUnder ?? pk,
  sk,
});

export const isSignalKey = (sk: string): boolean => sk.startsWith(SIGNAL_PREFIX);

function isAttribute(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && Object.keys(value).length === 1;
  } catch {
    return false;
  }
}

/** The signal as a plain object for the AWS SDK's marshaller. It has no expiry: a lost signal must stay visible. */
export function encodeSignal({ storedUnder, ...signal }: Signal): Record<string, unknown> {
  const stored: Record<string, unknown> =
    storedUnder === undefined ? signal : { ...signal, pk: storedUnder, key: signal.pk };
  return Object.fromEntries(Object.entries(stored).filter(([, value]) => value !== undefined));
}

/**
 * Reads a signal from a stream image or a low-level SDK answer.
 *
 * @throws OutboxError `undecodable-signal`, naming the first field that is missing, wrong or unknown: performing half
 * of a request would be worse than performing nothing.
 */
export function decodeSignal(image: Image): Signal {
  const storedPk = image['pk']?.S ?? '';
  const { key } = image;
  const isElsewhere = storedPk === SIGNALS_PARTITION && key !== undefined;
  const pk = isElsewhere ? (key.S ?? '') : storedPk;
  const storedUnder = isElsewhere ? SIGNALS_PARTITION : undefined;
  const sk = image['sk']?.S ?? '';
  const fail = (field: string, rule: string): never => {
    throw new OutboxError(
      'undecodable-signal',
      `Signal ${JSON.stringify(sk)} of key ${JSON.stringify(pk)} cannot be acted on: "${field}" ${rule}. It was written by another version of the operator's tools, or by hand; it stays in the table as unprocessable.`,
      { pk: storedPk, sk, field },
    );
  };
  const text = (map: Image, name: string, at = ''): string => {
    const value = map[name]?.S;
    return value === undefined || value === '' ? fail(at + name, 'must be a non-empty string') : value;
  };
  const optional = <T>(name: string, read: (name: string) => T): T | undefined =>
    image[name] === undefined ? undefined : read(name);
  const epochMs = (map: Image, name: string, at = ''): number => {
    const value = Number(map[name]?.N);
    return Number.isSafeInteger(value) && value >= 0
      ? value
      : fail(at + name, 'must be a number of epoch milliseconds');
  };
  const position = (name: string): string => {
    const value = text(image, name);
    return isPosition(value) ? value : fail(name, 'must be a position');
  };

  if (pk === '') fail(isElsewhere ? 'key' : 'pk', 'must be a non-empty string');
  if (!isSignalKey(sk)) fail('sk', `must begin with "${SIGNAL_PREFIX}"`);
  const asked = image['request']?.M ?? fail('request', 'must be a map');
  const request: OperatorNote = {
    by: text(asked, 'by', 'request.'),
    at: epochMs(asked, 'at', 'request.'),
    why: text(asked, 'why', 'request.'),
  };
  const kind = text(image, 'kind');
  const allow = (...fields: string[]): void => {
    const known = ['pk', 'sk', 'kind', 'request', ...fields, 'setAside', ...(isElsewhere ? ['key'] : [])];
    const unknown = Object.keys(image).find((name) => !known.includes(name));
    if (unknown !== undefined) fail(unknown, `is not known for kind "${kind}"`);
  };
  switch (kind) {
    case 'drain':
      allow('from');
      // Any sort key is allowed: the item that holds a key may be undecodable, at any sort key.
      return { kind, pk, sk, storedUnder, request, from: text(image, 'from') };
    case 'skip':
      allow('position', 'id', 'storedId', 'gone');
      return {
        kind,
        pk,
        sk,
        storedUnder,
        request,
        position: text(image, 'position'),
        id: optional('id', (name) => text(image, name)),
        storedId: optional('storedId', (name) => {
          const json = text(image, name);
          return isAttribute(json) ? json : fail(name, "must be an attribute in DynamoDB's JSON");
        }),
        gone: optional('gone', (name): true => image[name]?.BOOL === true || fail(name, 'must be true')),
      };
    case 'replay': {
      allow('replayId', 'from', 'to', 'since', 'until', 'topic', 'ofTopic');
      const topic = optional('topic', (name) => text(image, name));
      if (topic !== undefined && !TOPIC_PATTERN.test(topic)) fail('topic', 'must be a Kafka topic name');
      const ofTopic = optional('ofTopic', (name) => text(image, name));
      if (ofTopic !== undefined && !TOPIC_PATTERN.test(ofTopic)) fail('ofTopic', 'must be a Kafka topic name');
      return {
        kind,
        pk,
        sk,
        storedUnder,
        request,
        replayId: text(image, 'replayId'),
        from: optional('from', position),
        to: optional('to', position),
        since: optional('since', (name) => epochMs(image, name)),
        until: optional('until', (name) => epochMs(image, name)),
        topic,
        ofTopic,
      };
    }
    default:
      return fail('kind', `is ${JSON.stringify(kind)}; it must be drain, skip or replay`);
  }
}
