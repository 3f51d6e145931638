import { isRecord } from '../../../lib/event/options';
import type { AttributeValue } from '../../../lib/event/item';

/** Features that a writer may lack. */
export type OptionalFeature = 'requestId' | 'compress';

/** An item in DynamoDB JSON; binary values are base64. */
export type DynamoDbJson = Readonly<Record<string, AttributeValue>>;

/** A change, and the outbox item that a writer must make of it; or the reason why it must refuse the change. */
export interface Vector {
  readonly name: string;
  /** A valid change that only a writer with this feature can answer. */
  readonly optional?: OptionalFeature;
  /** Parts of the item that the writer generates. The vector's own values are examples. */
  readonly generated?: readonly ('ids' | 'position')[];
  readonly change: Readonly<Record<string, unknown>>;
  readonly item?: DynamoDbJson;
  /** The rule that the change breaks. */
  readonly refused?: string;
}

/** The content of `conformance/vectors.json`. */
export interface VectorFile {
  readonly about: string;
  readonly vectors: readonly Vector[];
}

/** Replaces each abbreviation, `{ repeat, times }`, by its text. */
export function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand);
  if (!isRecord(value)) return value;
  const { repeat, times } = value;
  if (typeof repeat === 'string' && typeof times === 'number') return repeat.repeat(times);
  // Not by assignment, which would lose a header "__proto__".
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, expand(each)]));
}

const SHORTEST_REPETITION = 100;
const REPETITION = new RegExp(`^(.{1,12}?)\\1{${SHORTEST_REPETITION},}$`, 'su');

/** The reverse of {@link expand}. */
export function abbreviate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(abbreviate);
  if (isRecord(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, abbreviate(each)]));
  }
  if (typeof value !== 'string' || value.length <= SHORTEST_REPETITION) return value;
  const repeat = REPETITION.exec(value)?.[1];
  return repeat === undefined ? value : { repeat, times: value.length / repeat.length };
}
