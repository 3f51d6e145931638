import {
  type EventCatalogue,
  type EventDefinition,
  type EventDefinitions,
  FIRST_VERSION,
  oldestReadable,
  type Upcasters,
} from './catalogue';
import { dataOfValue, isJsonType, DEFAULT_CONTENT_TYPE } from './item';
import { shown } from './options';
import { issuePath, issueText, type SchemaOutput } from './standard-schema';

/** The part of a Kafka record that is read: its value, and its headers as text. */
export interface EventMessage {
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** An event of the catalogue `D`, in its newest version: its type determines the type of `data`. */
export type EventRead<D extends EventDefinitions = EventDefinitions> = {
  [T in keyof D & string]: {
    readonly kind: 'event';
    readonly type: T;
    /** The version in which it was written. */
    readonly writtenVersion: number;
    readonly data: SchemaOutput<D[T]['schema']>;
  };
}[keyof D & string];

/**
 * Why a message cannot be handled. Each reason repeats forever with this catalogue. A newer one may fix
 * `unknown-type`, `newer-version` and `no-upcaster`.
 *
 * `no-type`: it is no CloudEvent. `unknown-type`: not in the catalogue. `newer-version`: than the catalogue's.
 * `no-upcaster`: it is older, and no upcasters lead to the newest version. `undecodable-data`: not UTF-8, or not JSON.
 * `upcaster-failed`: an upcaster threw. `invalid-data`: the schema refuses it.
 */
export type UnreadableReason =
  | 'no-type'
  | 'unknown-type'
  | 'newer-version'
  | 'no-upcaster'
  | 'undecodable-data'
  | 'upcaster-failed'
  | 'invalid-data';

/** An unreadable message. `message` quotes no data except in the schema's own messages; `cause` may. */
export interface UnreadableEvent {
  readonly kind: 'unreadable';
  readonly reason: UnreadableReason;
  readonly message: string;
  /** As far as known. */
  readonly type?: string;
  readonly writtenVersion?: number;
  /** The issues of `invalid-data`. */
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
  /** The thrown value. */
  readonly cause?: unknown;
}

/**
 * Reads an event of any version: decodes its value, lifts its data to the newest version and validates it.
 *
 * The data is parsed JSON if the `content-type` is JSON; text if it is `text/…`, XML or names a charset; otherwise
 * bytes. A message without a value has the data `undefined`, which is not lifted. Never rejects: if an upcaster or a
 * schema throws, the result is `unreadable`.
 *
 * @example
 * ```ts
 * const event = await readEvent(events, { value: message.value, headers });
 * if (event.kind === 'unreadable') await setAside(message, event.reason);
 * else if (event.type === 'order.placed') await ship(event.data.orderId);
 * ```
 */
export async function readEvent<D extends EventDefinitions>(
  catalogue: EventCatalogue<D>,
  message: EventMessage,
): Promise<EventRead<D> | UnreadableEvent> {
  const { value, headers } = message;
  const ceType = headers['ce_type'];
  if (ceType === undefined || ceType === '') return unreadable('no-type', 'It has no header "ce_type".');
  const resolved = catalogue.resolve(ceType);
  if (resolved === undefined) {
    return unreadable('unknown-type', `Type ${shown(ceType)} is not in the catalogue.`, { type: ceType });
  }
  const { type, version: writtenVersion, definition } = resolved;
  const about = { type, writtenVersion };
  const newest = definition.version ?? FIRST_VERSION;
  if (writtenVersion > newest) {
    return unreadable(
      'newer-version',
      `It is version ${writtenVersion} of "${type}"; this catalogue knows ${newest}. Deploy the newer catalogue here, then read it again.`,
      about,
    );
  }
  if (writtenVersion < oldestReadable(definition)) {
    return unreadable(
      'no-upcaster',
      `It is version ${writtenVersion} of "${type}", from which no upcasters lead to version ${newest}.`,
      about,
    );
  }
  const written = decode(value, headers['content-type'] ?? DEFAULT_CONTENT_TYPE);
  if ('reason' in written) return { ...written, ...about };
  const lifted = lift(written.data, writtenVersion, newest, definition.upcasters ?? {});
  if ('reason' in lifted) return { ...lifted, ...about };
  const valid = await validate(type, definition, lifted.data);
  if ('reason' in valid) return { ...valid, ...about };
  // The schema of this very type returned the data. TypeScript sees a string and `unknown`, and cannot determine the
  // member of the union.
  return { kind: 'event', type, writtenVersion, data: valid.data } as unknown as EventRead<D>;
}

const unreadable = (
  reason: UnreadableReason,
  message: string,
  more: Partial<UnreadableEvent> = {},
): UnreadableEvent => ({ kind: 'unreadable', reason, message, ...more });

/** The result of one step of reading. */
type Step = { readonly data: unknown } | UnreadableEvent;

function decode(value: Uint8Array | null, contentType: string): Step {
  if (value === null) return { data: undefined };
  try {
    return { data: dataOfValue(value, contentType) };
  } catch (cause) {
    const expected = isJsonType(contentType) ? 'JSON in UTF-8' : 'UTF-8';
    return unreadable('undecodable-data', `Its value of ${value.length} bytes is not ${expected}.`, { cause });
  }
}

function lift(data: unknown, from: number, to: number, upcasters: Upcasters): Step {
  // A tombstone is the same in every version.
  if (data === undefined) return { data };
  let lifted: unknown = data;
  for (let version = from; version < to; version++) {
    try {
      // The declared parameter type is the catalogue author's description of this version.
      const upcast = upcasters[version] as (data: unknown) => unknown;
      lifted = upcast(lifted);
    } catch (cause) {
      return unreadable('upcaster-failed', `The upcaster of version ${version} threw.`, { cause });
    }
  }
  return { data: lifted };
}

async function validate(type: string, { schema }: EventDefinition, data: unknown): Promise<Step> {
  const invalid = (why: string, more: Partial<UnreadableEvent>): UnreadableEvent =>
    unreadable('invalid-data', `The data of "${type}" is not valid. ${why}`, more);
  try {
    const result = await schema['~standard'].validate(data);
    if (result.issues === undefined) return { data: result.value };
    const issues = result.issues.map((issue) => ({ path: issuePath(issue), message: issue.message }));
    return invalid(`${issueText(issues)}.`, { issues });
  } catch (cause) {
    return invalid('Its schema threw instead of answering.', { cause });
  }
}
