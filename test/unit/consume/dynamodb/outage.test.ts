import { OutboxError } from '../../../../lib';
import { isDynamoDbOutage } from '../../../../lib/consume/dynamodb/outage';

const sdkError = (name: string, metadata: object): Error =>
  Object.assign(new Error(name), { name, $metadata: metadata });

it.each([
  ['nothing answered', sdkError('Error', { attempts: 3 })],
  ['a server error', sdkError('InternalServerError', { httpStatusCode: 500 })],
  ['throttled', sdkError('ThrottlingException', { httpStatusCode: 400 })],
  ['over the table’s capacity', sdkError('ProvisionedThroughputExceededException', { httpStatusCode: 400 })],
  ['no such table', sdkError('ResourceNotFoundException', { httpStatusCode: 400 })],
  ['not allowed', sdkError('AccessDeniedException', { httpStatusCode: 400 })],
  ['no credentials', Object.assign(new Error('none'), { name: 'CredentialsProviderError' })],
  ['wrapped by the handler', new Error('read failed', { cause: sdkError('Error', { attempts: 1 }) })],
  ['throttled, as the write helper says it', new OutboxError('throttled', 'Throttled.', { indexes: [0] })],
])('is an outage: %s', (_, error) => {
  expect(isDynamoDbOutage(error)).toBe(true);
});

it.each([
  ['a refused request', sdkError('ValidationException', { httpStatusCode: 400 })],
  ['a failed condition', sdkError('ConditionalCheckFailedException', { httpStatusCode: 400 })],
  ['a mistake of the handler', new TypeError('undefined is not a function')],
  ['what is no error', 'away'],
])('is none: %s', (_, error) => {
  expect(isDynamoDbOutage(error)).toBe(false);
});

it('ends with a chain that bites its own tail', () => {
  const error = new Error('loop');
  error.cause = error;

  expect(isDynamoDbOutage(error)).toBe(false);
});
