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

/** The text of a header; its last value when it occurs several times. */
export function headerText({ headers }: Pick<ConsumedRecord, 'headers'>, name: string): string | undefined {
  const given = headers[name];
  const value: Buffer | string | undefined =
    typeof given === 'string' || given === undefined || Buffer.isBuffer(given) ? given : given.at(-1);
  return value?.toString();
}
