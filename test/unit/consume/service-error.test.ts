import { OutboxError } from '../../../lib';
import { serviceFailureOf } from '../../../lib/consume/service-error';

const sdkError = (name: string, metadata: object): Error =>
  Object.assign(new Error(name), { name, $metadata: metadata });
const connectionError = (code: string): Error => Object.assign(new Error(code), { code });

it.each([
  ['nothing answered', sdkError('Error', { attempts: 3 })],
  ['a server error', sdkError('InternalServerError', { httpStatusCode: 500 })],
  ['a transaction that is still in progress', sdkError('TransactionInProgressException', { httpStatusCode: 400 })],
  ['wrapped by the handler', new Error('read failed', { cause: sdkError('Error', { attempts: 1 }) })],
  ['a connection that was refused', connectionError('ECONNREFUSED')],
  ['fetch without an answer', new TypeError('fetch failed', { cause: connectionError('UND_ERR_CONNECT_TIMEOUT') })],
  [
    'a call beyond its time limit',
    new OutboxError('service-unavailable', 'No answer.', { service: 'DynamoDB', place: '', action: '', why: '' }),
  ],
])('is unavailable: %s', (_, error) => {
  expect(serviceFailureOf(error)).toBe('unavailable');
});

it.each([
  ['DynamoDB', sdkError('ThrottlingException', { httpStatusCode: 400 })],
  ['a table beyond its capacity', sdkError('ProvisionedThroughputExceededException', { httpStatusCode: 400 })],
  ['any service by its status', sdkError('TooMany', { httpStatusCode: 429 })],
  ['as the write helper says it', new OutboxError('throttled', 'Throttled.', { indexes: [0] })],
])('is throttled: %s', (_, error) => {
  expect(serviceFailureOf(error)).toBe('throttled');
});

it.each([
  ['no such table', sdkError('ResourceNotFoundException', { httpStatusCode: 400 })],
  ['not allowed', sdkError('AccessDeniedException', { httpStatusCode: 400 })],
  ['a quota', sdkError('LimitExceededException', { httpStatusCode: 400 })],
  ['a refused request', sdkError('ValidationException', { httpStatusCode: 400 })],
  ['a failed condition', sdkError('ConditionalCheckFailedException', { httpStatusCode: 400 })],
  ['no credentials', Object.assign(new Error('none'), { name: 'CredentialsProviderError' })],
])('is refused: %s', (_, error) => {
  expect(serviceFailureOf(error)).toBe('permanent');
});

it.each([
  ['a mistake of the handler', new TypeError('undefined is not a function')],
  ['a value that is no error', 'away'],
])("is no service's failure: %s", (_, error) => {
  expect(serviceFailureOf(error)).toBeUndefined();
});

it('ends with a chain that bites its own tail', () => {
  const error = new Error('loop');
  error.cause = error;

  expect(serviceFailureOf(error)).toBeUndefined();
});
