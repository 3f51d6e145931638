import { OperationType, type _Record } from '@aws-sdk/client-dynamodb-streams';
import { creationSeconds, toEventRecord } from '../../../../local/event-source-mapping/record';

const SOURCE = { streamArn: 'arn:stream', region: 'eu-west-1', createdAtSeconds: 1_700_000_000 };

const RECORD: _Record = {
  eventID: 'e1',
  eventName: OperationType.INSERT,
  eventVersion: '1.1',
  eventSource: 'aws:dynamodb',
  awsRegion: 'ddblocal',
  dynamodb: {
    ApproximateCreationDateTime: new Date('2023-11-14T22:13:00Z'),
    Keys: { pk: { S: 'order#1' } },
    NewImage: {
      pk: { S: 'order#1' },
      n: { N: '3.14' },
      yes: { BOOL: true },
      none: { NULL: true },
      bytes: { B: new Uint8Array([255, 0]) },
      list: { L: [{ B: new Uint8Array([1]) }, { M: { deep: { BS: [new Uint8Array([2])] } } }] },
    },
    SequenceNumber: '000001',
    SizeBytes: 26,
    StreamViewType: 'NEW_IMAGE',
  },
};

describe('toEventRecord', () => {
  it("gives the record as Lambda's event has it: bytes as Base64 text, numbers as text, epoch seconds", () => {
    expect(JSON.parse(JSON.stringify(toEventRecord(RECORD, SOURCE)))).toEqual({
      eventID: 'e1',
      eventName: 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'eu-west-1',
      eventSourceARN: 'arn:stream',
      dynamodb: {
        ApproximateCreationDateTime: 1_700_000_000,
        Keys: { pk: { S: 'order#1' } },
        NewImage: {
          pk: { S: 'order#1' },
          n: { N: '3.14' },
          yes: { BOOL: true },
          none: { NULL: true },
          bytes: { B: '/wA=' },
          list: { L: [{ B: 'AQ==' }, { M: { deep: { BS: ['Ag=='] } } }] },
        },
        SequenceNumber: '000001',
        SizeBytes: 26,
        StreamViewType: 'NEW_IMAGE',
      },
    });
  });

  it('encodes bytes that are a view into a larger buffer', () => {
    const view = new Uint8Array([9, 255, 0, 9]).subarray(1, 3);
    const { dynamodb } = toEventRecord({ dynamodb: { NewImage: { bytes: { B: view } } } }, SOURCE);
    expect(dynamodb?.NewImage).toEqual({ bytes: { B: '/wA=' } });
  });

  it('names the deletion of an expired item as AWS does', () => {
    const expired = { ...RECORD, eventName: 'UNKNOWN_TO_SDK_VERSION' as OperationType };
    expect(toEventRecord(expired, SOURCE)).toMatchObject({
      eventName: 'REMOVE',
      userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' },
    });
  });
});

describe('creationSeconds', () => {
  const minute = new Date('2023-11-14T22:13:00Z');

  it('is the time of the stream when the end of the shard was not seen since', () => {
    expect(creationSeconds(minute, 0)).toBe(minute.getTime() / 1000);
  });

  it('is the time when the end was last seen, rounded down, when that is later', () => {
    expect(creationSeconds(minute, minute.getTime() + 41_900)).toBe(minute.getTime() / 1000 + 41);
  });
});
