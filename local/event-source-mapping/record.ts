import type { _Record as StreamRecord, AttributeValue } from '@aws-sdk/client-dynamodb-streams';
import type { AttributeValue as EventAttribute, DynamoDBRecord } from 'aws-lambda';

/** Data of a record that its own fields do not contain. */
export interface RecordSource {
  readonly streamArn: string;
  readonly region: string;
  /** Epoch seconds; see `creationSeconds`. */
  readonly createdAtSeconds: number;
}

/** The event name that DynamoDB Local reports when it deletes an expired item. */
const TTL_DELETE = 'UNKNOWN_TO_SDK_VERSION';

/** Converts a record of the SDK into a record of the event that Lambda passes to a function. */
export function toEventRecord(record: StreamRecord, source: RecordSource): DynamoDBRecord {
  const { dynamodb = {}, eventName } = record;
  // When an item expires, DynamoDB Local sets neither the event name nor `userIdentity`; AWS sets both.
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
 * The time at which a record was created, in epoch seconds, rounded as by AWS. DynamoDB Local cuts the time to the
 * minute, so every age would be wrong by up to 60 s. But a record is younger than the last read that found nothing. The
 * result is later than the real time by one second, AWS's own precision, at most.
 *
 * @param endSeenAtMs epoch milliseconds of the last read that found nothing, or 0.
 */
export const creationSeconds = (approximate: Date | undefined, endSeenAtMs: number): number =>
  Math.floor(Math.max(approximate?.getTime() ?? 0, endSeenAtMs) / 1000);
