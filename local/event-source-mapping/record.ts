import type { _Record as StreamRecord, AttributeValue } from '@aws-sdk/client-dynamodb-streams';
import type { AttributeValue as EventAttribute, DynamoDBRecord } from 'aws-lambda';

/** What a record's own fields do not say. */
export interface RecordSource {
  readonly streamArn: string;
  readonly region: string;
  /** Epoch seconds; see `creationSeconds`. */
  readonly createdAtSeconds: number;
}

/** The name that the SDK gives to the deletion of an expired item by DynamoDB Local. */
const TTL_DELETE = 'UNKNOWN_TO_SDK_VERSION';

/** A record as the SDK reads it → as it stands in the event that Lambda hands to a function. */
export function toEventRecord(record: StreamRecord, source: RecordSource): DynamoDBRecord {
  const { dynamodb = {}, eventName } = record;
  // DynamoDB Local names neither the event nor who did it when an item expires; AWS says both.
  const expired = (eventName as string | undefined) === TTL_DELETE;
  return {
    eventID: record.eventID,
    eventName: expired ? 'REMOVE' : eventName,
    eventVersion: record.eventVersion,
    eventSource: record.eventSource,
    awsRegion: source.region,
    dynamodb: {
      ApproximateCreationDateTime: source.createdAtSeconds,
      ...(dynamodb.Keys === undefined ? {} : { Keys: toEventImage(dynamodb.Keys) }),
      ...(dynamodb.NewImage === undefined ? {} : { NewImage: toEventImage(dynamodb.NewImage) }),
      ...(dynamodb.OldImage === undefined ? {} : { OldImage: toEventImage(dynamodb.OldImage) }),
      SequenceNumber: dynamodb.SequenceNumber,
      SizeBytes: dynamodb.SizeBytes,
      StreamViewType: dynamodb.StreamViewType,
    },
    eventSourceARN: source.streamArn,
    ...(expired ? { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } } : {}),
  };
}

const toEventImage = (image: Record<string, AttributeValue>): Record<string, EventAttribute> =>
  Object.fromEntries(Object.entries(image).map(([name, value]) => [name, toEventAttribute(value)]));

/** Binary is Base64 text in Lambda's JSON; numbers are text on both sides. */
function toEventAttribute(value: AttributeValue): EventAttribute {
  if (value.B !== undefined) return { B: toBase64(value.B) };
  if (value.BS !== undefined) return { BS: value.BS.map(toBase64) };
  if (value.M !== undefined) return { M: toEventImage(value.M) };
  if (value.L !== undefined) return { L: value.L.map(toEventAttribute) };
  return value as EventAttribute;
}

const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/**
 * When a record was created, in epoch seconds as AWS rounds it. DynamoDB Local cuts the time to the minute, which would
 * make every age wrong by up to 60 s; but a record that was not there yet when the end of the shard was last seen is
 * younger than that. The answer is never later than the truth by more than AWS's own second.
 *
 * @param endSeenAtMs when the reader last had nothing left to read, or 0.
 */
export const creationSeconds = (approximate: Date | undefined, endSeenAtMs: number): number =>
  Math.floor(Math.max(approximate?.getTime() ?? 0, endSeenAtMs) / 1000);
