import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import { messageOf } from '../../../lib/event/errors';
import { decodeItem, type AttributeValue, type OutboxItem } from '../../../lib/event/item';
import itemSchema from '../../../lib/event/item.schema.json';
import { isRecord, shown } from '../../../lib/event/options';
import { versionOfPosition } from '../../../lib/event/position';
import { epochMsOfUuidV7 } from '../../../lib/event/uuid';
import { documentOf, type Answer } from './answer';
import type { DynamoDbJson, Vector } from './vectors';

/** `unsupported`: the writer lacks an optional feature. `not-run`: the writer could not be asked. */
export type Verdict = 'passed' | 'failed' | 'unsupported' | 'not-run';

export interface VectorResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** The reasons of a failure. */
  readonly problems: readonly string[];
  /** Whether a passed item is the vector's, byte for byte: an item may also state defaults. Not for compressed data. */
  readonly exact?: boolean;
}

const MAX_PROBLEMS = 5;
/** A writer may generate an id before it knows the time of the commit. */
const MAX_ID_AGE_MS = 86_400_000;

let compiled: ValidateFunction | undefined;

/** Compiled once, which takes as long as hundreds of items. */
function itemValidator(): ValidateFunction {
  compiled ??= new Ajv2020({ validateFormats: false, strictTypes: false, strictTuples: false }).compile(itemSchema);
  return compiled;
}

/** Judges the answers of one writer. Generated ids must differ between all its answers. */
export class Judge {
  readonly #generated = new Set<string>();

  /** @param vector - with its texts expanded */
  judge(vector: Vector, answer: Answer): VectorResult {
    const { name } = vector;
    if (answer.kind === 'unsupported' && vector.optional !== undefined) {
      return { name, verdict: 'unsupported', problems: [] };
    }
    const problems = this.#problemsOf(vector, answer);
    if (problems.length > 0) return { name, verdict: 'failed', problems: problems.slice(0, MAX_PROBLEMS) };
    // Compressed bytes depend on the library.
    const isComparable = answer.kind === 'item' && vector.optional !== 'compress';
    return { name, verdict: 'passed', problems, ...(isComparable ? { exact: isExact(vector, answer.item) } : {}) };
  }

  #problemsOf(vector: Vector, answer: Answer): readonly string[] {
    switch (answer.kind) {
      case 'unreadable':
        return [answer.why];
      case 'unsupported':
        return [`the writer does not support it (${shown(answer.why)}), and it is not optional`];
      case 'refused':
        return vector.item === undefined
          ? []
          : [`the change is valid, and the writer refuses it: ${shown(answer.why)}`];
      case 'item':
        return vector.item === undefined
          ? [`the writer makes an item of an invalid change; the rule is: ${String(vector.refused)}`]
          : this.#problemsOfItem(vector, vector.item, answer.item);
    }
  }

  #problemsOfItem(vector: Vector, expected: DynamoDbJson, item: DynamoDbJson): readonly string[] {
    const matchesSchema = itemValidator();
    if (!matchesSchema(documentOf(item))) {
      return (matchesSchema.errors ?? []).map(
        ({ instancePath, message = '' }) =>
          `item.schema.json: ${instancePath.slice(1) || 'the item'} ${message.slice(0, 200)}`,
      );
    }
    const decoded = decoding(item);
    if (typeof decoded === 'string') return [decoded];
    return [
      ...differences(comparable(decodeItem(adopted(vector, expected, item))), comparable(decoded), ''),
      ...this.#problemsOfGenerated(vector, decoded),
      ...(vector.optional === 'compress' && !hasCompressedData(item) ? ['no data of the item is compressed'] : []),
    ];
  }

  #problemsOfGenerated({ generated = [] }: Vector, { sk, events, committedAt }: OutboxItem): readonly string[] {
    const isPositionGenerated = generated.includes('position');
    if (isPositionGenerated && versionOfPosition(sk) !== undefined) {
      return [`sk is ${shown(sk)}; it must be a UUIDv7, because the change has no version`];
    }
    // The position of a key without versions may be the id of its first event.
    const made = new Set([
      ...(isPositionGenerated ? [sk] : []),
      ...(generated.includes('ids') ? events.map(({ id }) => id) : []),
    ]);
    const repeated = [...made].filter((id) => this.#generated.has(id));
    for (const id of made) this.#generated.add(id);
    return [
      ...repeated.map((id) => `the writer has generated ${shown(id)} before; generated ids must be unique`),
      ...[...made].flatMap((id) => wrongTimeOf(id, committedAt)),
    ];
  }
}

/** Consumers dead-letter an event whose UUIDv7 is too old, and a position of another time changes the order of a key. */
function wrongTimeOf(id: string, committedAt: number): readonly string[] {
  const time = epochMsOfUuidV7(id);
  const isNear = (expected: number): boolean => Math.abs(Number(time) - expected) <= MAX_ID_AGE_MS;
  if (time === undefined || isNear(committedAt) || isNear(Date.now())) return [];
  const found = `the time of the generated UUIDv7 ${shown(id)} is ${time}`;
  return [`${found}; it must be committedAt (${committedAt}) in milliseconds, or the clock's time`];
}

function decoding(item: DynamoDbJson): OutboxItem | string {
  try {
    return decodeItem(item);
  } catch (error) {
    return messageOf(error);
  }
}

/** The vector's item with the generated parts of the writer's. */
function adopted({ generated = [] }: Vector, expected: DynamoDbJson, item: DynamoDbJson): DynamoDbJson {
  const withPosition = generated.includes('position') ? { ...expected, ...pick(item, 'sk') } : expected;
  if (!generated.includes('ids')) return withPosition;
  const events = expected['events']?.L ?? [];
  const ids = (item['events']?.L ?? []).map((event) => pick(event.M ?? {}, 'id'));
  return {
    ...withPosition,
    ...pick(item, 'id'),
    events: { L: events.map((event, index) => ({ M: { ...event.M, ...ids[index] } })) },
  };
}

const pick = (map: DynamoDbJson, name: string): DynamoDbJson => {
  const value = map[name];
  return value === undefined ? {} : { [name]: value };
};

/** The item as far as its messages show it: text, bytes and compressed bytes of one value are equal. */
const comparable = (item: OutboxItem): unknown => ({
  ...item,
  events: item.events.map(({ data, headers = {}, ...event }) => ({
    ...event,
    headers,
    data: data === undefined ? undefined : Buffer.from(data as string),
  })),
});

const isExact = (vector: Vector, item: DynamoDbJson): boolean =>
  isDeepStrictEqual(adopted(vector, vector.item ?? {}, item), item);

const hasCompressedData = (item: DynamoDbJson): boolean =>
  (item['events']?.L ?? []).some((event: AttributeValue) => event.M?.['data']?.M !== undefined);

function differences(expected: unknown, found: unknown, path: string): readonly string[] {
  if (isDeepStrictEqual(expected, found)) return [];
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length) {
    return expected.flatMap((each, index) => differences(each, found[index], `${path}[${index}]`));
  }
  if (isRecord(expected) && isRecord(found) && !isBytes(expected) && !isBytes(found)) {
    const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
    return [...names].flatMap((name) =>
      differences(expected[name], found[name], path === '' ? name : `${path}.${name}`),
    );
  }
  const isNormalized = normalized(expected) !== undefined && normalized(expected) === normalized(found);
  const hint = isNormalized ? ', without a change of its Unicode normalization' : '';
  return [`${path} is ${described(found)}; it must be ${described(expected)}${hint}`];
}

const isBytes = (value: unknown): value is Buffer => Buffer.isBuffer(value);

const described = (value: unknown): string => {
  if (value === undefined) return 'missing';
  if (isBytes(value)) return isUtf8(value) ? shown(value.toString()) : `the bytes ${shown(value.toString('base64'))}`;
  return Array.isArray(value) ? `a list of ${value.length}` : shown(value);
};

/** The text in one normalization; `undefined` for any other value. */
const normalized = (value: unknown): string | undefined => {
  const text = isBytes(value) ? value.toString() : value;
  return typeof text === 'string' ? text.normalize('NFKC') : undefined;
};
