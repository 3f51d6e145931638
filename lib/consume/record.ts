/** A header as Kafka clients give it; one that occurs several times is a list. */
export type HeaderValue = Buffer | string | readonly (Buffer | string)[] | undefined;

/** A Kafka message as it was read. Nothing of it is changed, so that it can be set aside byte for byte. */
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
 * Headers by name, from any source. Names are the producer's choice and may be those of an object's own methods; a value
 * may be null, which is read as empty because kafkajs cannot write it.
 */
export function headersByName(pairs: Iterable<readonly [name: string, value: unknown]>): ConsumedRecord['headers'] {
  const headers = new Map<string, (Buffer | string)[]>();
  for (const [name, given] of pairs) {
    const known = headers.get(name) ?? [];
    headers.set(name, [...known, ...(Array.isArray(given) ? (given as unknown[]) : [given]).flatMap(buffersOf)]);
  }
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

/** None for what kafkajs finds on the prototype of its headers and puts before a value. */
function buffersOf(value: unknown): (Buffer | string)[] {
  if (value === null || value === undefined) return [Buffer.alloc(0)];
  if (typeof value === 'string') return [value];
  return value instanceof Uint8Array ? [Buffer.from(value.buffer, value.byteOffset, value.byteLength)] : [];
}

/** The text of a header; its last value when it occurs several times. */
export function headerText({ headers }: Pick<ConsumedRecord, 'headers'>, name: string): string | undefined {
  // Not what every object has, such as `constructor`.
  const given = Object.hasOwn(headers, name) ? headers[name] : undefined;
  const value: Buffer | string | undefined =
    typeof given === 'string' || given === undefined || Buffer.isBuffer(given) ? given : given.at(-1);
  return value?.toString();
}

/** How many bytes the message has: key, value and headers. */
export const bytesOf = ({ key, value, headers }: Pick<ConsumedRecord, 'key' | 'value' | 'headers'>): number =>
  (key?.length ?? 0) +
  (value?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, given]) => sum + name.length + lengthOf(given), 0);

const lengthOf = (given: HeaderValue): number =>
  given === undefined || typeof given === 'string' || Buffer.isBuffer(given)
    ? (given?.length ?? 0)
    : given.reduce((sum, each) => sum + each.length, 0);
