/** A header as Kafka clients return it; one that occurs several times is a list. */
export type HeaderValue = Buffer | string | readonly (Buffer | string)[] | undefined;

/** A Kafka message as it was read. It is never changed, so that its dead letter is the same byte for byte. */
export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Epoch milliseconds of the append or of the producer, as the topic is configured. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, HeaderValue>>;
}

/**
 * Headers by name. Producers choose the names, which may be those of an object's own methods. A null value is read as
 * empty, because kafkajs cannot write null.
 */
export function headersByName(pairs: Iterable<readonly [name: string, value: unknown]>): ConsumedRecord['headers'] {
  const headers: Headers = {};
  for (const [name, given] of pairs) {
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    // As a rule, a name has one value.
    if (known === undefined && Buffer.isBuffer(given)) setHeader(headers, name, given);
    else setHeader(headers, name, oneOrList([...valuesOf(known), ...listOf(given).flatMap(buffersOf)]));
  }
  return headers;
}

type Headers = Record<string, HeaderValue>;

function setHeader(headers: Headers, name: string, value: HeaderValue): void {
  // An assignment would replace the prototype.
  if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true, configurable: true });
  else headers[name] = value;
}

const oneOrList = (values: readonly (Buffer | string)[]): HeaderValue => (values.length === 1 ? values[0] : values);

const listOf = (given: unknown): readonly unknown[] => (Array.isArray(given) ? (given as unknown[]) : [given]);

export const valuesOf = (given: HeaderValue): readonly (Buffer | string)[] => {
  if (given === undefined) return [];
  return typeof given === 'string' || Buffer.isBuffer(given) ? [given] : given;
};

/** None for values that kafkajs finds on the prototype of its headers and puts before the real one. */
function buffersOf(value: unknown): (Buffer | string)[] {
  if (value === null || value === undefined) return [Buffer.alloc(0)];
  if (typeof value === 'string') return [value];
  return value instanceof Uint8Array ? [Buffer.from(value.buffer, value.byteOffset, value.byteLength)] : [];
}

/** The text of a header; its last value when it occurs several times. */
export function headerText({ headers }: Pick<ConsumedRecord, 'headers'>, name: string): string | undefined {
  // Own properties only: every object inherits others, such as `constructor`.
  return valuesOf(Object.hasOwn(headers, name) ? headers[name] : undefined)
    .at(-1)
    ?.toString();
}

/** Copies the message to memory of its own: a view from kafkajs keeps the whole batch alive. */
export function detached(record: ConsumedRecord): ConsumedRecord {
  const bytes = Buffer.allocUnsafe(bytesOf(record));
  let end = 0;
  const copied = (given: Buffer): Buffer => {
    const start = end;
    end += given.length;
    bytes.set(given, start);
    return bytes.subarray(start, end);
  };
  const headers: Headers = {};
  for (const name of Object.keys(record.headers)) setHeader(headers, name, mapBuffers(record.headers[name], copied));
  const { key, value } = record;
  return { ...record, key: key && copied(key), value: value && copied(value), headers };
}

function mapBuffers(given: HeaderValue, copied: (bytes: Buffer) => Buffer): HeaderValue {
  if (Buffer.isBuffer(given)) return copied(given);
  if (given === undefined || typeof given === 'string') return given;
  return given.map((each) => (typeof each === 'string' ? each : copied(each)));
}

export const bufferedValuesOf = (given: HeaderValue): Buffer[] =>
  valuesOf(given).map((value) => (typeof value === 'string' ? Buffer.from(value) : value));

export function bytesOf({ key, value, headers }: Pick<ConsumedRecord, 'key' | 'value' | 'headers'>): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const name of Object.keys(headers)) {
    bytes += name.length;
    for (const each of valuesOf(headers[name])) bytes += each.length;
  }
  return bytes;
}
