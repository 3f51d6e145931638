import { writtenType, type EventCatalogue } from '../../event/catalogue';
import { messageOf, OutboxError } from '../../event/errors';
import { DEFAULT_CONTENT_TYPE } from '../../event/item';
import { integer, optional, readOptions, required, text, type OptionTable } from '../../event/option-rules';
import { isRecord, withoutUndefined } from '../../event/options';
import { annotatedCatalogue, withoutAnnotations, type DescribedType } from '../describe';
import { isSameJson, type JsonSchema } from '../json-schema';
import { accepts } from '../keywords';
import { MESSAGE_HEADERS } from './headers';
import { embedSchema, referenceTo, type Location } from './payload';

/** The known properties of a topic. `OutboxTopics.topics` has them. */
export interface AsyncApiTopic {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  /** Properties of the topic, such as `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string>>;
}

/** Options of {@link asyncApiDocument}. */
export interface AsyncApiOptions {
  /** Title of the service. */
  readonly title: string;
  /** Version of the document. */
  readonly version: string;
  /** Markdown. */
  readonly description?: string;
  /**
   * The topics by name, as far as they are known. Topics without events of the catalogue are left out.
   *
   * @default - the names of the topics, and `maxMessageBytes` if their types agree
   */
  readonly topics?: Readonly<Record<string, AsyncApiTopic>>;
}

/** A reference within the document. */
export interface AsyncApiReference {
  readonly $ref: string;
}

/** The state of a type that `checkAsyncApi` compares next to its payload. */
export interface AsyncApiOutboxExtension {
  /** Version of the data. */
  readonly version: number;
  /** Consumers with this catalogue read the data from this version on. */
  readonly oldestReadableVersion: number;
  /** The JSON Schema of the data that is written now, if it is narrower than the payload. */
  readonly writes?: JsonSchema;
}

/** A type of event. */
export interface AsyncApiMessage {
  /** The `ce_type`. */
  readonly name: string;
  readonly title: string;
  readonly description?: string;
  readonly deprecated?: true;
  readonly contentType: string;
  readonly correlationId: { readonly location: string };
  readonly headers: JsonSchema;
  /** The JSON Schema of the data that consumers accept; left out for data without one. */
  readonly payload?: JsonSchema;
  readonly examples?: readonly { readonly payload: unknown }[];
  readonly bindings: { readonly kafka: { readonly key: JsonSchema; readonly bindingVersion: string } };
  readonly 'x-eventcatalog-message-version': string;
  readonly 'x-outbox': AsyncApiOutboxExtension;
}

/** A topic. */
export interface AsyncApiChannel {
  readonly address: string;
  /** By type. */
  readonly messages: Readonly<Record<string, AsyncApiMessage>>;
  readonly bindings: {
    readonly kafka: {
      readonly topic: string;
      readonly partitions?: number;
      readonly replicas?: number;
      readonly topicConfiguration?: Readonly<Record<string, unknown>>;
      readonly bindingVersion: string;
    };
  };
}

/** That the service sends events to a topic. */
export interface AsyncApiOperation {
  readonly action: 'send';
  readonly channel: AsyncApiReference;
  readonly messages: readonly AsyncApiReference[];
}

/** An AsyncAPI document of the events that a service writes. */
export interface AsyncApiDocument {
  readonly asyncapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly defaultContentType: string;
  readonly channels: Readonly<Record<string, AsyncApiChannel>>;
  readonly operations: Readonly<Record<string, AsyncApiOperation>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** Readers of 2025, such as EventCatalog's, refuse 3.1; it adds nothing for Kafka. */
const ASYNCAPI_VERSION = '3.0.0';
const KAFKA_BINDING_VERSION = '0.5.0';
const HEADERS = 'cloudEventsHeaders';

const isTexts = (value: unknown): boolean =>
  isRecord(value) && Object.values(value).every((each) => typeof each === 'string');

const NOT_BLANK = { pattern: /\S/u, allowed: 'a text that is not blank' };
const OPTIONS = {
  title: required(text(NOT_BLANK)),
  version: required(text(NOT_BLANK)),
  description: text(NOT_BLANK),
  topics: { ...optional(isRecord, 'an object of topics by name'), default: {} },
} satisfies OptionTable<AsyncApiOptions>;
const TOPIC_OPTIONS = {
  partitions: integer({ min: 1 }),
  replicationFactor: integer({ min: 1 }),
  configs: { ...optional(isTexts, 'an object of texts by property'), default: {} },
} satisfies OptionTable<AsyncApiTopic>;

/** The place of a type's message in a document. */
export const messageLocation = (topic: string, type: string): Location => ['channels', topic, 'messages', type];
/** The place of the schema of written data in a message. */
export const WRITES: Location = ['x-outbox', 'writes'];

/**
 * Describes the events that a catalogue writes as an AsyncAPI document: a channel for each topic, a message for each
 * type. It states only what the catalogue and the options tell. The same arguments return an equal document, with the
 * keys in the same order.
 *
 * Titles, descriptions, examples and `deprecated` are those of the schemas. `payload` is the schema by which consumers
 * read: `outbox schema check` keeps it valid for earlier and later messages of the version.
 *
 * @throws OutboxError `invalid-option` for a bad option; `operation-refused`, naming every type whose schema provides no
 * JSON Schema or one that AsyncAPI cannot express, and every example that the schema refuses.
 */
export function asyncApiDocument(catalogue: EventCatalogue, options: AsyncApiOptions): AsyncApiDocument {
  const { title, version, description, topics } = readOptions(options, OPTIONS);
  const types = [...annotatedCatalogue(catalogue)];
  const problems: string[] = [];
  const byTopic = new Map<string, Record<string, AsyncApiMessage>>();
  for (const [type, described] of types) {
    const { topic, dataSchema } = catalogue.definitionOf(type);
    try {
      const messages = byTopic.get(topic) ?? {};
      // An own property even if the type is named "__proto__".
      Object.defineProperty(messages, type, {
        ...{ enumerable: true, configurable: true, writable: true },
        value: messageFor(type, described, messageLocation(topic, type), dataSchema),
      });
      byTopic.set(topic, messages);
    } catch (error) {
      problems.push(`${type}: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) return refuse(`there is no AsyncAPI message of ${problems.join('; ')}.`);
  const channels = [...byTopic].toSorted(byName);
  return {
    asyncapi: ASYNCAPI_VERSION,
    info: withoutUndefined({ title, version, description }),
    defaultContentType: DEFAULT_CONTENT_TYPE,
    channels: Object.fromEntries(
      channels.map(([topic, messages]) => {
        const known = Object.hasOwn(topics, topic) ? topics[topic] : undefined;
        const kafka = topicBinding(topic, known, sharedMessageBytes(catalogue, Object.keys(messages)));
        return [topic, { address: topic, messages, bindings: { kafka } }];
      }),
    ),
    operations: Object.fromEntries(
      channels.map(([topic, messages]) => [
        `send.${topic}`,
        {
          action: 'send',
          channel: { $ref: referenceTo(['channels', topic]) },
          messages: Object.keys(messages).map((type) => ({ $ref: referenceTo(messageLocation(topic, type)) })),
        },
      ]),
    ),
    components: { schemas: { [HEADERS]: MESSAGE_HEADERS } },
  };
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

function messageFor(
  type: string,
  { version, oldestReadable, contentType, writes, reads }: DescribedType,
  location: Location,
  dataSchema: string | undefined,
): AsyncApiMessage {
  const name = writtenType(type, version);
  const annotations = isRecord(reads) ? reads : {};
  const { title, description, deprecated } = annotations;
  const examples = examplesOf(reads);
  const [written, read] = [withoutAnnotations(writes), withoutAnnotations(reads)];
  return withoutUndefined({
    name,
    title: typeof title === 'string' ? title : type,
    description: typeof description === 'string' ? description : undefined,
    deprecated: deprecated === true ? deprecated : undefined,
    contentType,
    correlationId: { location: '$message.header#/ce_correlationid' },
    headers: headersFor(name, contentType, dataSchema),
    payload: reads === true ? undefined : embedSchema(reads, [...location, 'payload']),
    examples: examples.length === 0 ? undefined : examples.map((payload) => ({ payload })),
    bindings: { kafka: { key: KEY, bindingVersion: KAFKA_BINDING_VERSION } },
    'x-eventcatalog-message-version': String(version),
    'x-outbox': withoutUndefined({
      version,
      oldestReadableVersion: oldestReadable,
      writes: isSameJson(written, read) ? undefined : embedSchema(written, [...location, ...WRITES]),
    }),
  });
}

const KEY: JsonSchema = {
  type: 'string',
  minLength: 1,
  description: 'The key, in UTF-8. Messages of a key are in order, and in one partition.',
};

function headersFor(ceType: string, contentType: string, dataSchema: string | undefined): JsonSchema {
  const fixed = withoutUndefined({ ce_type: ceType, 'content-type': contentType, ce_dataschema: dataSchema });
  return {
    type: 'object',
    allOf: [{ $ref: referenceTo(['components', 'schemas', HEADERS]) }],
    properties: Object.fromEntries(Object.entries(fixed).map(([header, value]) => [header, { const: value }])),
    ...(dataSchema === undefined ? {} : { required: ['ce_dataschema'] }),
  };
}

function examplesOf(schema: JsonSchema): readonly unknown[] {
  const { examples } = isRecord(schema) ? schema : {};
  if (!Array.isArray(examples)) return [];
  for (const example of examples as readonly unknown[]) {
    if (accepts({ schema, root: schema }, example) !== false) continue;
    throw new Error(`its schema refuses its own example ${JSON.stringify(example)}`);
  }
  return examples;
}

/** The properties that the Kafka binding of AsyncAPI knows as numbers. */
const NUMBERS = ['retention.ms', 'retention.bytes', 'delete.retention.ms', 'max.message.bytes'];
const POLICIES = ['compact', 'delete'];

function topicBinding(topic: string, known: AsyncApiTopic | undefined, maxMessageBytes: number | undefined) {
  // A caller may pass its topics with further properties.
  const given: AsyncApiTopic = {
    partitions: known?.partitions,
    replicationFactor: known?.replicationFactor,
    configs: known?.configs,
  };
  const at = `topics[${JSON.stringify(topic)}]`;
  const { partitions, replicationFactor: replicas, configs } = readOptions(given, TOPIC_OPTIONS, at);
  const policies = (configs['cleanup.policy'] ?? '').split(',').map((each) => each.trim());
  const cleanup = POLICIES.filter((each) => policies.includes(each));
  // Long.MAX_VALUE, which means "forever", is no number of JSON.
  const numbers = NUMBERS.map((name) => [name, Number(configs[name] ?? Number.NaN)] as const);
  const configuration = {
    ...(cleanup.length === 0 ? {} : { 'cleanup.policy': cleanup }),
    ...(maxMessageBytes === undefined ? {} : { 'max.message.bytes': maxMessageBytes }),
    ...Object.fromEntries(numbers.filter(([, value]) => Number.isSafeInteger(value))),
  };
  return withoutUndefined({
    topic,
    partitions,
    replicas,
    topicConfiguration: Object.keys(configuration).length === 0 ? undefined : configuration,
    bindingVersion: KAFKA_BINDING_VERSION,
  });
}

/** `maxMessageBytes` of the types of a topic, if all of them state the same one. */
function sharedMessageBytes(catalogue: EventCatalogue, types: readonly string[]): number | undefined {
  const [first, ...others] = new Set(types.map((type) => catalogue.definitionOf(type).maxMessageBytes));
  return others.length === 0 ? first : undefined;
}

/** Returns the text of a document. The same catalogue and options always produce the same text. */
export const printAsyncApi = (document: AsyncApiDocument): string => `${JSON.stringify(document, undefined, 2)}\n`;

function refuse(why: string): never {
  const operation = 'schema asyncapi';
  throw new OutboxError('operation-refused', `${operation}: ${why}`, { operation, why });
}
