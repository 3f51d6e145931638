import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  TrimmedDataAccessException,
  type DynamoDBStreamsClient,
  type GetRecordsCommandOutput,
  type GetShardIteratorCommandInput,
} from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord } from 'aws-lambda';
import type { Deliverable } from './decide';
import { creationSeconds, toEventRecord } from './record';

/** A record as the function receives it, and the data about it that the mapping needs. */
export interface SourceRecord extends Deliverable {
  readonly event: DynamoDBRecord;
  /** Size of `event` as JSON, its share of the payload. */
  readonly bytes: number;
}

type Position = Pick<GetShardIteratorCommandInput, 'ShardIteratorType' | 'SequenceNumber'>;

export interface ShardSource {
  readonly streamArn: string;
  readonly shardId: string;
  readonly region: string;
}

export interface ReadResult {
  readonly records: readonly SourceRecord[];
  /** The shard is closed and was read to its end. */
  readonly closed: boolean;
}

/** The maximum number of records that one GetRecords returns. */
export const MAX_READ = 1_000;

/** Reads one shard from a position on. */
export class ShardReader {
  readonly #client: DynamoDBStreamsClient;
  readonly #source: ShardSource;
  #position: Position;
  #iterator: string | undefined;
  #endSeenAtMs = 0;

  constructor(client: DynamoDBStreamsClient, source: ShardSource, position: Position) {
    this.#client = client;
    this.#source = source;
    this.#position = position;
  }

  /** The next records, at most `limit`; none when there is nothing new. */
  async read(limit: number): Promise<ReadResult> {
    const requestedAtMs = Date.now();
    this.#iterator ??= await this.#openIterator();
    const { Records: records = [], NextShardIterator: next } = await this.#getRecords(this.#iterator, limit);
    this.#iterator = next;
    const found = records.map((record): SourceRecord => {
      const createdAtSeconds = creationSeconds(record.dynamodb?.ApproximateCreationDateTime, this.#endSeenAtMs);
      const event = toEventRecord(record, { ...this.#source, createdAtSeconds });
      return {
        sequenceNumber: record.dynamodb?.SequenceNumber ?? '',
        createdAtMs: createdAtSeconds * 1000,
        event,
        bytes: Buffer.byteLength(JSON.stringify(event)),
      };
    });
    const last = found.at(-1);
    if (last === undefined) this.#endSeenAtMs = requestedAtMs;
    else this.#position = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: last.sequenceNumber };
    return { records: found, closed: next === undefined };
  }

  /** The next read begins with the record of this sequence number. */
  rewind(sequenceNumber: string): void {
    this.#position = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', SequenceNumber: sequenceNumber };
    this.#iterator = undefined;
    // Records that are read again may be older than the last read that found nothing.
    this.#endSeenAtMs = 0;
  }

  async #openIterator(): Promise<string | undefined> {
    const { ShardIterator: iterator } = await this.#client.send(
      new GetShardIteratorCommand({
        StreamArn: this.#source.streamArn,
        ShardId: this.#source.shardId,
        ...this.#position,
      }),
    );
    return iterator;
  }

  async #getRecords(iterator: string | undefined, limit: number): Promise<GetRecordsCommandOutput> {
    try {
      return await this.#get(iterator, limit);
    } catch (error) {
      if (error instanceof TrimmedDataAccessException) this.#position = { ShardIteratorType: 'TRIM_HORIZON' };
      // An iterator expires after 15 minutes.
      else if (!(error instanceof ExpiredIteratorException)) throw error;
      return this.#get(await this.#openIterator(), limit);
    }
  }

  #get(iterator: string | undefined, limit: number) {
    return this.#client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: Math.min(limit, MAX_READ) }));
  }
}
