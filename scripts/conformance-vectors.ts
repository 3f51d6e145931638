import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { marshall } from '@aws-sdk/util-dynamodb';
import { format } from 'prettier';
import { abbreviate, expand, type DynamoDbJson, type Vector, type VectorFile } from '../bin/cli/conformance/vectors';
import { createOutbox, defineEvents, OutboxError } from '../lib';
import { DEFAULT_CONTENT_TYPE, isJsonType, type AttributeValue } from '../lib/event/item';
import { INVALID, VALID, type ChangeToAnswer } from './conformance-changes';

/** Part of the npm package; `outbox conformance` contains it. */
export const VECTORS_FILE = join(__dirname, '..', 'conformance', 'vectors.json');

const ABOUT =
  'Changes, and the outbox items that a writer must make of them: see docs/item-format.md. An object with "repeat" and "times" stands for a text. Written by scripts/conformance-vectors.ts with the write helper.';

/** The file of vectors, as the write helper answers the changes now. */
export async function vectorFile(): Promise<VectorFile> {
  const valid = await Promise.all(
    VALID.map(async ({ change, ...rest }) => ({ ...rest, change, item: abbreviate(await written(change)) })),
  );
  const invalid = await Promise.all(
    INVALID.map(async ({ rule, ...rest }) => {
      await assertRefused(rest);
      return { ...rest, refused: rule };
    }),
  );
  return { about: ABOUT, vectors: [...valid, ...invalid] as Vector[] };
}

async function assertRefused({ name, change }: ChangeToAnswer): Promise<void> {
  const item = await written(change).catch((error: unknown) => error);
  if (item instanceof OutboxError) return;
  throw new Error(`The write helper does not refuse "${name}": ${String(item)}`, { cause: item });
}

/** A change as `conformance/vectors.json` describes it. The write helper checks it, so no type promises it. */
interface AnyChange {
  readonly aggregate: string;
  readonly key: string;
  readonly version?: number;
  readonly source: string;
  readonly region: string;
  readonly committedAt: number;
  readonly requestId?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly causationId?: string;
  readonly correlationId?: string;
  readonly events: readonly AnyEvent[];
}

interface AnyEvent {
  readonly id?: string;
  readonly type: string;
  readonly topic?: string;
  readonly time?: string;
  readonly contentType?: string;
  readonly dataSchema?: string;
  readonly data?: string | { readonly base64: string };
  readonly headers?: Readonly<Record<string, string>>;
}

/** Stands in for ids and positions that a writer generates, so that the file stays the same. */
const EXAMPLE_REQUEST = 'example';

/** The item of the write helper, in DynamoDB JSON. */
async function written(abbreviated: ChangeToAnswer['change']): Promise<DynamoDbJson> {
  const change = expand(abbreviated) as AnyChange;
  const { aggregate, key, version, source, region, committedAt, causationId, correlationId } = change;
  const { requestId = EXAMPLE_REQUEST, traceparent, tracestate } = change;
  const outbox = createOutbox({
    tableName: 'outbox',
    service: 'conformance',
    source,
    region,
    events: catalogueOf(change.events),
    clock: { now: () => committedAt },
  });
  const [action] = await outbox.items(
    { aggregate, key, ...(version === undefined ? {} : { version }) },
    change.events.map(({ contentType = DEFAULT_CONTENT_TYPE, dataSchema: _, data, ...event }) => ({
      ...event,
      ...(data === undefined ? {} : { data: valueOf(data, contentType) }),
    })),
    {
      requestId,
      committedAt,
      ...(traceparent === undefined
        ? {}
        : { traceContext: { traceparent, ...(tracestate === undefined ? {} : { tracestate }) } }),
      ...(causationId === undefined ? {} : { causationId }),
      ...(correlationId === undefined ? {} : { correlationId }),
    },
  );
  const item = toJson({ M: marshall(action?.Put.Item ?? {}) }).M ?? {};
  assertSameData(change, item);
  return item;
}

/** JSON data must be as `JSON.stringify` writes it, or the vector would demand another text than the change has. */
function assertSameData({ events }: AnyChange, item: DynamoDbJson): void {
  for (const [index, { data }] of events.entries()) {
    const stored = item['events']?.L?.[index]?.M?.['data'];
    const expected = typeof data === 'object' ? data.base64 : data;
    if ((stored?.S ?? stored?.B) !== expected) throw new Error(`Not stored as given: ${JSON.stringify(data)}`);
  }
}

/** In a catalogue, content type and data schema are properties of a type. */
function catalogueOf(events: readonly AnyEvent[]): ReturnType<typeof defineEvents> {
  const schema = {
    '~standard': { version: 1 as const, vendor: 'conformance', validate: (value: unknown) => ({ value }) },
  };
  const first = events[0]?.topic;
  // Without any event, the write helper must get to its own check.
  const definitions = events.length === 0 ? [{ type: 'none', topic: 'none' }] : events;
  return defineEvents(
    Object.fromEntries(
      definitions.map(({ type, topic = first, contentType, dataSchema }: Omit<AnyEvent, 'data'>) => [
        type,
        {
          schema,
          // The catalogue refuses an empty one.
          topic: topic ?? '',
          ...(contentType === undefined ? {} : { contentType }),
          ...(dataSchema === undefined ? {} : { dataSchema }),
        },
      ]),
    ),
  );
}

/** The helper takes the value that JSON text states, and writes it as the same text. */
function valueOf(data: string | { readonly base64: string }, contentType: string): unknown {
  if (typeof data !== 'string') return typeof data === 'object' ? Buffer.from(data.base64, 'base64') : data;
  return isJsonType(contentType) ? (JSON.parse(data) as unknown) : data;
}

function toJson(value: AttributeValue): AttributeValue {
  if (value.L !== undefined) return { L: value.L.map(toJson) };
  if (value.M !== undefined) {
    return { M: Object.fromEntries(Object.entries(value.M).map(([name, each]) => [name, toJson(each)])) };
  }
  return value.B === undefined ? value : { B: Buffer.from(value.B as Uint8Array).toString('base64') };
}

export const printVectors = (file: VectorFile): Promise<string> =>
  format(JSON.stringify(file), { parser: 'json', printWidth: 120 });

async function main(): Promise<void> {
  writeFileSync(VECTORS_FILE, await printVectors(await vectorFile()));
}

if (require.main === module) void main();
