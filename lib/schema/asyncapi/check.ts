import { OutboxError } from '../../event/errors';
import { isRecord, shown } from '../../event/options';
import type { SchemaBaseline } from '../baseline';
import { checkTypes, type SchemaFinding } from '../check';
import { withoutAnnotations, type DescribedType } from '../describe';
import { isJsonSchema, isSameJson } from '../json-schema';
import { messageLocation, WRITES, type AsyncApiDocument } from './document';
import { extractSchema } from './payload';

/** Which document must accept whose data. A document has one state of each type, so there are no transitive modes. */
export const ASYNCAPI_COMPATIBILITIES = ['BACKWARD', 'FORWARD', 'FULL'] as const;
/** One of {@link ASYNCAPI_COMPATIBILITIES}. */
export type AsyncApiCompatibility = (typeof ASYNCAPI_COMPATIBILITIES)[number];

export const DEFAULT_ASYNCAPI_COMPATIBILITY: AsyncApiCompatibility = 'FULL';

/** How strict the comparison of documents is. */
export interface AsyncApiCheckOptions {
  /** The direction in which schemas must be compatible. Default: `FULL`. */
  readonly compatibility?: AsyncApiCompatibility;
}

/** The result of a comparison of documents. */
export interface AsyncApiReport {
  readonly compatibility: AsyncApiCompatibility;
  readonly types: number;
  /** Empty if every type is compatible, and described as before. */
  readonly findings: readonly SchemaFinding[];
}

/** A type as a document describes it. */
interface DocumentedType {
  readonly topic: string;
  readonly message: unknown;
  readonly described: DescribedType;
}

/**
 * Compares a document with an earlier one by the rules of `checkSchemas`. Two more changes are findings: a type in
 * another topic, and a header that its messages no longer always have. So is a message that differs in any other way
 * (`not-recorded`): the earlier document is out of date. The rest of the documents is not compared.
 *
 * @param earlier - from `parseAsyncApi`
 */
export function checkAsyncApi(
  document: AsyncApiDocument,
  earlier: AsyncApiDocument,
  { compatibility = DEFAULT_ASYNCAPI_COMPATIBILITY }: AsyncApiCheckOptions = {},
): AsyncApiReport {
  const before = typesOf(earlier, 'The earlier document');
  const after = typesOf(document, 'The document');
  const described = new Map([...after].map(([type, each]) => [type, each.described]));
  const incompatible = checkTypes(described, baselineOf(before), { compatibility }).flatMap(inTermsOfDocuments);
  const findings = [...after].flatMap(([type, current]) => {
    const found = [
      ...incompatible.filter((each) => each.type === type),
      ...topicChange(type, before.get(type), current),
      ...removedHeaders(type, before.get(type), current),
    ];
    return found.length === 0 ? notRecorded(type, before.get(type), current) : found;
  });
  const removed = incompatible.filter(({ type }) => !after.has(type));
  return { compatibility, types: after.size, findings: [...findings, ...removed].toSorted(byType) };
}

const byType = (a: SchemaFinding, b: SchemaFinding): number => (a.type === b.type ? 0 : a.type < b.type ? -1 : 1);

function inTermsOfDocuments(finding: SchemaFinding): readonly SchemaFinding[] {
  if (finding.kind === 'not-recorded') return [];
  if (finding.kind !== 'upcaster-removed') return [finding];
  const message = `has no upcaster from version ${finding.version} any more: its events may wait in the table or stay in the topic`;
  return [{ ...finding, message }];
}

function topicChange(
  type: string,
  before: DocumentedType | undefined,
  { topic, described: { version } }: DocumentedType,
): readonly SchemaFinding[] {
  if (before === undefined || before.topic === topic) return [];
  const message = `was sent to topic ${before.topic} and is sent to ${topic}: its readers would get no more events`;
  return [{ kind: 'topic-changed', type, version, message }];
}

function removedHeaders(
  type: string,
  before: DocumentedType | undefined,
  { message: current, described: { version } }: DocumentedType,
): readonly SchemaFinding[] {
  const kept = new Set(requiredHeaders(current));
  const removed = requiredHeaders(before?.message).filter((header) => !kept.has(header));
  return removed.map((header) => {
    const message = `was always sent with the header ${String(header)}, and no longer is: its readers may need it`;
    return { kind: 'header-removed', type, version, message };
  });
}

function requiredHeaders(message: unknown): readonly unknown[] {
  const headers = isRecord(message) ? message['headers'] : undefined;
  const required = isRecord(headers) ? headers['required'] : undefined;
  return Array.isArray(required) ? required : [];
}

function notRecorded(
  type: string,
  before: DocumentedType | undefined,
  { message: current, described: { version } }: DocumentedType,
): readonly SchemaFinding[] {
  if (isSameJson(before?.message, current)) return [];
  const change = before === undefined ? 'is new' : 'has changed and stays compatible';
  return [{ kind: 'not-recorded', type, version, message: `${change}: write the document again` }];
}

const baselineOf = (types: ReadonlyMap<string, DocumentedType>): SchemaBaseline =>
  Object.fromEntries(
    [...types].map(
      ([
        type,
        {
          described: { contentType, upcasters, version, writes, reads },
        },
      ]) => [type, { contentType, upcasters, revisions: [{ version, writes, reads }] }],
    ),
  );

/**
 * Accepts a document that {@link asyncApiDocument} returned, after a round trip through JSON or YAML.
 *
 * @param name - the file's name, for the error
 * @throws OutboxError `operation-refused`, naming the problem.
 */
export function parseAsyncApi(value: unknown, name: string): AsyncApiDocument {
  if (value === null || value === undefined) return refuse(name, 'it is empty');
  const { asyncapi, info } = isRecord(value) ? value : {};
  if (typeof asyncapi !== 'string' || !asyncapi.startsWith('3.')) {
    return refuse(name, `"asyncapi" is ${shown(asyncapi)}; it must be 3.x`);
  }
  if (!isRecord(info) || typeof info['title'] !== 'string' || typeof info['version'] !== 'string') {
    return refuse(name, '"info" has no title and version');
  }
  const document = value as AsyncApiDocument;
  typesOf(document, name);
  return document;
}

function typesOf(document: AsyncApiDocument, name: string): ReadonlyMap<string, DocumentedType> {
  const types = new Map<string, DocumentedType>();
  for (const [topic, channel] of entriesOf(document.channels)) {
    for (const [type, message] of entriesOf(isRecord(channel) ? channel['messages'] : undefined)) {
      const described = describedBy(message, topic, type);
      if (described === undefined) {
        return refuse(name, `the message ${JSON.stringify(type)} of channel ${JSON.stringify(topic)} is not valid`);
      }
      if (types.has(type)) return refuse(name, `the message ${JSON.stringify(type)} is in two channels`);
      types.set(type, { topic, message, described });
    }
  }
  return types.size === 0 ? refuse(name, 'it has no messages') : types;
}

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  isRecord(value) ? Object.entries(value) : [];

function describedBy(message: unknown, topic: string, type: string): DescribedType | undefined {
  if (!isRecord(message)) return undefined;
  const { contentType, payload = true, 'x-outbox': extension } = message;
  if (typeof contentType !== 'string' || !isJsonSchema(payload) || !isRecord(extension)) return undefined;
  const { version, oldestReadableVersion: oldest, writes } = extension;
  if (!isVersion(version) || !isVersion(oldest) || oldest > version) return undefined;
  if (writes !== undefined && !isJsonSchema(writes)) return undefined;
  const location = messageLocation(topic, type);
  const reads = withoutAnnotations(extractSchema(payload, [...location, 'payload']));
  return {
    version,
    oldestReadable: oldest,
    contentType,
    upcasters: Array.from({ length: version - oldest }, (_, index) => oldest + index),
    reads,
    writes: writes === undefined ? reads : withoutAnnotations(extractSchema(writes, [...location, ...WRITES])),
  };
}

const isVersion = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1;

function refuse(name: string, problem: string): never {
  const operation = 'schema asyncapi';
  const why = `${name} cannot be compared: ${problem}. Name a document that "outbox schema asyncapi" wrote.`;
  throw new OutboxError('operation-refused', `${operation}: ${why}`, { operation, why });
}
