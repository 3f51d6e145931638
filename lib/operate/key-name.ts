import { parsePartitionKey } from '../event/key';

/** A key at a consumer: its Kafka key, and the aggregate as far as it is known. */
interface KafkaKey {
  readonly key: string;
  readonly aggregate?: string;
}

/** `order#42`, as the outbox names the key; the Kafka key alone if no aggregate is known. */
export function keyName({ aggregate = '', key }: KafkaKey): string {
  const name = `${aggregate}#${key}`;
  return parsePartitionKey(name) === undefined ? key : name;
}

/** Whether an operator's text names the key: `order#42`, or its Kafka key alone. */
export const isNamedBy = (text: string, key: KafkaKey): boolean => text === key.key || text === keyName(key);

/** Which keys of a consumer: those that meet all given conditions. */
interface KeyConditions {
  readonly keys?: readonly string[];
  readonly source?: string;
  readonly aggregate?: string;
}

export const isSelectedKey = (
  key: KafkaKey & { readonly source?: string },
  { keys, source, aggregate }: KeyConditions,
): boolean =>
  (keys?.some((name) => isNamedBy(name, key)) ?? true) &&
  (source === undefined || key.source === source) &&
  (aggregate === undefined || key.aggregate === aggregate);
