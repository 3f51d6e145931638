import { OutboxError } from '../../../lib';
import { errorTypeOf } from '../../../lib/otel/error-type';

const named = (name: string, properties: object = {}): Error =>
  Object.assign(new Error('the order of Ada Lovelace'), { name }, properties);
const refused = named('KafkaJSProtocolError', { type: 'NOT_ENOUGH_REPLICAS', code: 19 });
const unreachable = named('KafkaJSConnectionError', { code: 'ECONNREFUSED' });

test.each<[string, unknown, string]>([
  ['a code of the package', new OutboxError('throttled', 'throttled', { indexes: [] }), 'throttled'],
  ['a code of another copy of the package', named('OutboxError', { code: 'version-conflict' }), 'version-conflict'],
  ['a code of Kafka', refused, 'NOT_ENOUGH_REPLICAS'],
  ['that of the last retry', named('KafkaJSNumberOfRetriesExceeded', { cause: refused }), 'NOT_ENOUGH_REPLICAS'],
  ['that of an original error', named('KafkaJSNonRetriableError', { originalError: refused }), 'NOT_ENOUGH_REPLICAS'],
  ['that of the network', named('KafkaJSNumberOfRetriesExceeded', { cause: unreachable }), 'ECONNREFUSED'],
  [
    'that of the network below two wrappers',
    named('KafkaCallFailed', { cause: named('NetworkError', { code: 'PLT_KFK_NETWORK', cause: unreachable }) }),
    'ECONNREFUSED',
  ],
  ['that of the first of several', new AggregateError([unreachable, refused]), 'ECONNREFUSED'],
  ['the name of a wrapper without a cause', named('KafkaJSNumberOfRetriesExceeded'), 'KafkaJSNumberOfRetriesExceeded'],
  ['the name of a class', named('CardDeclined', { cause: unreachable }), 'CardDeclined'],
  ['the name of a class in a namespace', named('Stripe.CardError'), 'Stripe.CardError'],
  ['no text, which is new for each failure', named('Order 42 of Ada Lovelace failed'), '_OTHER'],
  ['no long text', named('A'.repeat(1_000)), '_OTHER'],
  ['no number', { code: 42 }, '_OTHER'],
  ['nothing', undefined, '_OTHER'],
  ['a text', 'Ada Lovelace', '_OTHER'],
])('error.type is %s', (_, error, type) => {
  expect(errorTypeOf(error)).toBe(type);
});

test('a chain of causes with a cycle ends', () => {
  const error = named('KafkaJSError');
  error.cause = error;
  expect(errorTypeOf(error)).toBe('KafkaJSError');
});
