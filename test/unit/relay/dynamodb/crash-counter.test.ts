import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  DynamoDBServiceException,
  ItemCollectionSizeLimitExceededException,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { crashCounter } from '../../../../lib/relay/dynamodb/stores';

const dynamodb = mockClient(DynamoDBClient);
const counter = crashCounter(new DynamoDBClient({}), 'outbox');
const item = { pk: 'order#42', sk: '0000000000000007', id: 'id-7' };
const error = { $metadata: {}, message: 'no' };

beforeEach(() => dynamodb.reset());

it('counts an attempt on an open item', async () => {
  dynamodb.on(UpdateItemCommand).resolves({ Attributes: { starts: { N: '3' } } });

  expect(await counter.countAttempt(item)).toBe(3);
  expect(dynamodb.commandCalls(UpdateItemCommand)[0]?.args[0].input).toMatchObject({
    UpdateExpression: 'ADD starts :one',
    ConditionExpression:
      'attribute_exists(pk) AND attribute_not_exists(processedAt) AND attribute_not_exists(discarded) AND id = :id',
  });
});

it('counts nothing on an item that is gone, processed or discarded', async () => {
  dynamodb.on(UpdateItemCommand).rejects(new ConditionalCheckFailedException(error));

  expect(await counter.countAttempt(item)).toBe(0);
});

it.each([
  ['the item', new DynamoDBServiceException({ ...error, name: 'ValidationException', $fault: 'client' })],
  ['its collection', new ItemCollectionSizeLimitExceededException(error)],
])('publishes an item without a count if %s is full', async (_, full) => {
  dynamodb.on(UpdateItemCommand).rejects(full);

  expect(await counter.countAttempt(item)).toBe(0);
});

it('rejects when the outcome is unknown', async () => {
  dynamodb.on(UpdateItemCommand).rejects(new Error('socket hang up'));

  await expect(counter.countAttempt(item)).rejects.toThrow('socket hang up');
});
