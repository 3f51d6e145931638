import { hash } from 'node:crypto';
import { refuse, ServiceError } from '../../lib/testing/dynamodb/errors';
import type { Shard, StreamRecord } from './shard';
import type { TableStream } from './table-stream';

/** Limits and lifetimes: API reference of DynamoDB Streams. */
const MAX_SHARDS = 100;
const MAX_RECORDS = 1000;
const ITERATOR_LIFE_MS = 15 * 60_000;

/** A stream and its table, which may be deleted by now. */
export interface StreamOwner {
  readonly stream: TableStream;
  readonly tableName: string;
  readonly keySchema: unknown;
}

export interface StreamRequest {
  readonly StreamArn?: string;
  readonly TableName?: string;
  readonly ShardId?: string;
  readonly ShardIteratorType?: string;
  readonly SequenceNumber?: string;
  readonly ShardIterator?: string;
  readonly ExclusiveStartShardId?: string;
  readonly Limit?: number;
}

interface Iterator {
  readonly shardId: string;
  readonly position: number;
  readonly untilMs: number;
}

/** The operations of the Streams API. */
export class StreamApi {
  readonly #streams: ReadonlyMap<string, StreamOwner>;
  readonly #region: string;
  readonly #now: () => number;

  /** @param streams - by ARN */
  constructor(streams: ReadonlyMap<string, StreamOwner>, region: string, now: () => number) {
    this.#streams = streams;
    this.#region = region;
    this.#now = now;
  }

  listStreams({ TableName: tableName }: StreamRequest): object {
    const owners = [...this.#streams.values()].filter(
      (owner) => tableName === undefined || owner.tableName === tableName,
    );
    return {
      Streams: owners.map(({ stream: { arn, label }, tableName: TableName }) => ({
        StreamArn: arn,
        TableName,
        StreamLabel: label,
      })),
    };
  }

  describeStream({ StreamArn: arn, Limit = MAX_SHARDS, ExclusiveStartShardId: after }: StreamRequest): object {
    const { stream, tableName, keySchema } = this.#ownerOf(arn);
    if (Limit < 1 || Limit > MAX_SHARDS) refuse(`1 validation error detected: Value '${Limit}' at 'limit' is invalid`);
    const { shards } = stream;
    const start = after === undefined ? 0 : shards.findIndex(({ id }) => id === after) + 1;
    if (after !== undefined && start === 0) refuse(`Invalid ExclusiveStartShardId: ${after}`);
    const page = shards.slice(start, start + Limit);
    const last = start + Limit < shards.length ? page.at(-1) : undefined;
    return {
      StreamDescription: {
        StreamArn: stream.arn,
        StreamLabel: stream.label,
        StreamStatus: stream.isEnabled ? 'ENABLED' : 'DISABLED',
        StreamViewType: stream.viewType,
        CreationRequestDateTime: stream.createdAtMs / 1000,
        TableName: tableName,
        KeySchema: keySchema,
        Shards: page.map(describeShard),
        ...(last === undefined ? {} : { LastEvaluatedShardId: last.id }),
      },
    };
  }

  getShardIterator(request: StreamRequest): object {
    const { stream } = this.#ownerOf(request.StreamArn);
    const shard = stream.shard(request.ShardId ?? '');
    if (shard === undefined) {
      throw notFound(`Requested resource not found: Shard does not exist: ${request.ShardId ?? ''}`);
    }
    return { ShardIterator: this.#iteratorOf(stream, shard, positionOf(shard, request)) };
  }

  /** JSON, because most of it are images that are stored as JSON. */
  getRecords({ ShardIterator: text = '', Limit = MAX_RECORDS }: StreamRequest): string {
    const { stream, iterator } = this.#read(text);
    if (Limit < 1 || Limit > MAX_RECORDS) {
      refuse(`1 validation error detected: Value '${Limit}' at 'limit' must be between 1 and ${MAX_RECORDS}`);
    }
    if (iterator.untilMs < this.#now()) {
      throw new ServiceError(
        'ExpiredIteratorException',
        'Iterator expired. The iterator was created over 15 minutes ago.',
      );
    }
    const shard = stream.shard(iterator.shardId);
    // Only a closed shard whose records are all dropped is removed.
    if (shard === undefined || iterator.position < shard.first) throw trimmed();
    const records = shard.read(iterator.position, Limit);
    const position = iterator.position + records.length;
    const next =
      shard.isOpen || position < shard.end
        ? `,"NextShardIterator":${JSON.stringify(this.#iteratorOf(stream, shard, position))}`
        : '';
    return `{"Records":[${records.map((record) => this.#textOf(stream, record)).join()}]${next}}`;
  }

  #ownerOf(arn = ''): StreamOwner {
    const owner = this.#streams.get(arn);
    if (owner === undefined) throw notFound(`Requested resource not found: Stream: ${arn} not found`);
    return owner;
  }

  #iteratorOf(stream: TableStream, { id: shardId }: Shard, position: number): string {
    const iterator: Iterator = { shardId, position, untilMs: this.#now() + ITERATOR_LIFE_MS };
    return `${stream.arn}|1|${Buffer.from(JSON.stringify(iterator)).toString('base64')}`;
  }

  #read(text: string): { readonly stream: TableStream; readonly iterator: Iterator } {
    const [arn, , encoded] = text.split('|');
    if (encoded === undefined) return refuse('Invalid ShardIterator');
    const { stream } = this.#ownerOf(arn);
    return { stream, iterator: JSON.parse(Buffer.from(encoded, 'base64').toString()) as Iterator };
  }

  #textOf({ arn, viewType }: TableStream, record: StreamRecord): string {
    const { sequence, createdAtMs, eventName, keys, newImage, oldImage, bytes, isExpiry } = record;
    const images = `${imageOf('NewImage', newImage)}${imageOf('OldImage', oldImage)}`;
    const identity = isExpiry ? EXPIRED_BY_DYNAMODB : '';
    return (
      `{"eventID":"${hash('md5', `${arn} ${sequence}`)}","eventName":"${eventName}","eventVersion":"1.1",` +
      `"eventSource":"aws:dynamodb","awsRegion":"${this.#region}",` +
      `"dynamodb":{"ApproximateCreationDateTime":${Math.floor(createdAtMs / 1000)},"Keys":${keys}${images},` +
      `"SequenceNumber":"${sequenceText(sequence)}","SizeBytes":${bytes},"StreamViewType":"${viewType}"}${identity}}`
    );
  }
}

const EXPIRED_BY_DYNAMODB = ',"userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}';

const imageOf = (name: string, image: string | undefined): string => (image === undefined ? '' : `,"${name}":${image}`);

/** 21 digits, the least that DynamoDB has. */
const sequenceText = (sequence: number): string => `1${String(sequence).padStart(20, '0')}`;

const sequenceOf = (text: string): number =>
  /^1\d{20}$/.test(text) ? Number(text.slice(1)) : refuse(`Invalid SequenceNumber: ${text}`);

const describeShard = ({ id, parentId, startingSequence, endingSequence }: Shard): object => ({
  ShardId: id,
  SequenceNumberRange: {
    StartingSequenceNumber: sequenceText(startingSequence),
    ...(endingSequence === undefined ? {} : { EndingSequenceNumber: sequenceText(endingSequence) }),
  },
  ...(parentId === undefined ? {} : { ParentShardId: parentId }),
});

function positionOf(shard: Shard, { ShardIteratorType: type, SequenceNumber: text }: StreamRequest): number {
  switch (type) {
    case 'TRIM_HORIZON':
      return shard.first;
    case 'LATEST':
      return shard.end;
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER': {
      if (text === undefined) return refuse(`A ShardIteratorType of ${type} requires a SequenceNumber`);
      const sequence = sequenceOf(text);
      const { startingSequence: from, endingSequence: to = Infinity } = shard;
      if (sequence < from || sequence > to) {
        return refuse(`Invalid SequenceNumber ${text}: it is not in the range of shard ${shard.id}`);
      }
      // A reader that stands behind the last dropped record has missed nothing.
      if (sequence < shard.droppedSequence || (sequence === shard.droppedSequence && type === 'AT_SEQUENCE_NUMBER')) {
        throw trimmed();
      }
      return shard.positionOf(type === 'AT_SEQUENCE_NUMBER' ? sequence : sequence + 1);
    }
    default:
      return refuse(`1 validation error detected: Value '${String(type)}' at 'shardIteratorType' is invalid`);
  }
}

const notFound = (message: string): ServiceError => new ServiceError('ResourceNotFoundException', message);

const trimmed = (): ServiceError =>
  new ServiceError(
    'TrimmedDataAccessException',
    'The operation attempted to read past the oldest stream record in a shard. The record has been trimmed.',
  );
