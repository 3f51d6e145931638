import { OutboxError } from './errors';
import { TOPIC_PATTERN, type AttributeValue, type Image } from './item';
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

export const newSignal = <S extends WithoutKey<Signal>>(pk: string, now: number, signal: S): S & SignalKey => ({
  pk,
  sk: `${SIGNAL_PREFIX}${uuidV7(now)}`,
  ...signal,
});

/** The signal as it is stored if the collection of its key is full. */
export const elsewhere = <S extends Signal>(signal: S): S => ({ ...signal, storedUnder: SIGNALS_PARTITION });

export const storedKeyOf = ({ pk, sk, storedUnder }: SignalKey): { readonly pk: string; readonly sk: string } => ({
  pk: storedUnder ?? pk,
  sk,
});

export const isSignalKey = (sk: string): boolean => sk.startsWith(SIGNAL_PREFIX);

/** The signal as a plain object for the AWS SDK's marshaller. It has no expiry: a lost signal must stay visible. */
export function encodeSignal({ storedUnder, ...signal }: Signal): Record<string, unknown> {
  const stored: Record<string, unknown> =
    storedUnder === undefined ? signal : { ...signal, pk: storedUnder, key: signal.pk };
  return Object.fromEntries(Object.entries(stored).filter(([, value]) => value !== undefined));
}

/** An attribute of a signal: its value, or `undefined` if it breaks the rule. */
interface Field<T = unknown> {
  readonly read: (value: AttributeValue) => T | undefined;
  readonly rule: string;
  readonly isOptional?: true;
}

type Fields<T> = { readonly [Name in keyof Required<T>]: Field<T[Name]> };

const TEXT: Field<string> = { read: ({ S }) => (S === '' ? undefined : S), rule: 'must be a non-empty string' };

const textWhere = (isAllowed: (text: string) => boolean, rule: string): Field<string> => ({
  read: ({ S }) => (S !== undefined && isAllowed(S) ? S : undefined),
  rule,
});
const POSITION = textWhere(isPosition, 'must be a position');
const TOPIC = textWhere((text) => TOPIC_PATTERN.test(text), 'must be a Kafka topic name');
const ATTRIBUTE = textWhere(isAttribute, "must be an attribute in DynamoDB's JSON");

const EPOCH_MS: Field<number> = {
  read: ({ N }) => (Number.isSafeInteger(Number(N)) && Number(N) >= 0 ? Number(N) : undefined),
  rule: 'must be a number of epoch milliseconds',
};
const TRUE: Field<true> = { read: ({ BOOL }) => (BOOL === true ? BOOL : undefined), rule: 'must be true' };

const optional = <T>(field: Field<T>): Field<T | undefined> => ({ ...field, isOptional: true });

const NOTE_FIELDS: Fields<OperatorNote> = { by: TEXT, at: EPOCH_MS, why: TEXT };

const FIELDS: { readonly [Kind in Signal['kind']]: Fields<FieldsOf<Extract<Signal, { kind: Kind }>>> } = {
  // Any sort key is allowed: the item that holds a key may be undecodable, at any sort key.
  drain: { from: TEXT },
  skip: { position: TEXT, id: optional(TEXT), storedId: optional(ATTRIBUTE), gone: optional(TRUE) },
  replay: {
    replayId: TEXT,
    from: optional(POSITION),
    to: optional(POSITION),
    since: optional(EPOCH_MS),
    until: optional(EPOCH_MS),
    topic: optional(TOPIC),
    ofTopic: optional(TOPIC),
  },
};

type FieldsOf<S extends Signal> = Omit<S, keyof SignalKey | 'kind' | 'request'>;

const isKind = (kind: string | undefined): kind is Signal['kind'] => kind !== undefined && Object.hasOwn(FIELDS, kind);

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
  const read = (map: Image, fields: Readonly<Record<string, Field>>, at = ''): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(fields).map(([name, { read: readValue, rule, isOptional }]) => {
        if (map[name] === undefined && isOptional === true) return [name, undefined];
        return [name, readValue(map[name] ?? {}) ?? fail(at + name, rule)];
      }),
    );

  if (pk === '') fail(isElsewhere ? 'key' : 'pk', 'must be a non-empty string');
  if (!isSignalKey(sk)) fail('sk', `must begin with "${SIGNAL_PREFIX}"`);
  const request = read(image['request']?.M ?? fail('request', 'must be a map'), NOTE_FIELDS, 'request.');
  const kind = image['kind']?.S;
  if (!isKind(kind)) {
    return fail('kind', `is ${JSON.stringify(kind)}; it must be ${Object.keys(FIELDS).join(', ')}`);
  }
  const known = [
    'pk',
    'sk',
    'kind',
    'request',
    ...Object.keys(FIELDS[kind]),
    'setAside',
    ...(isElsewhere ? ['key'] : []),
  ];
  const unknown = Object.keys(image).find((name) => !known.includes(name));
  if (unknown !== undefined) fail(unknown, `is not known for kind "${kind}"`);
  // `FIELDS` has the fields of this kind, which the compiler does not follow through `read`.
  return { kind, pk, sk, storedUnder, request, ...read(image, FIELDS[kind]) } as unknown as Signal;
}

function isAttribute(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && Object.keys(value).length === 1;
  } catch {
    return false;
  }
}
