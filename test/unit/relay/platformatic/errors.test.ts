import { errorCodes } from 'kafkajs/src/protocol/error';
import type { Failure } from '../../../../lib/relay/ports';
import { BrokerRefusal, KafkaCallFailed } from '../../../../lib/relay/platformatic/errors';
import { classify, mayBeWritten, outageOf } from '../../../../lib/relay/publishing/classify-error';

it.each(errorCodes)('classifies $type as with kafkajs', ({ code, type }) => {
  const error = new BrokerRefusal(code);
  const known = Object.assign(new Error(), { type });
  const classOf = (failure: Failure) => [failure.kind, failure.kind === 'poison' ? failure.reason : undefined];

  expect(error.type).not.toMatch(/^ERROR_/);
  expect(classOf(classify(error))).toEqual(classOf(classify(known)));
  expect(mayBeWritten(error)).toBe(mayBeWritten(known));
});

it('shows the number of an unknown code, which is an outage', () => {
  expect(classify(new BrokerRefusal(9_999))).toMatchObject({
    kind: 'outage',
    message: 'ERROR_9999: The broker returned error code 9999.',
  });
});

it("contains the broker's own text", () => {
  expect(new BrokerRefusal(87, 'A key is missing.')).toMatchObject({
    type: 'INVALID_RECORD',
    message: 'A key is missing.',
  });
});

it('explains a failed call by all that it wraps', () => {
  const reason = Object.assign(new Error('SASL authentication failed.'), {
    cause: new AggregateError(
      [Object.assign(new Error('A text.'), { serverErrorMessage: 'Access denied' })],
      'Response',
    ),
  });
  const failed = new KafkaCallFailed('connect', 'b-1:9098', reason);

  expect(failed.message).toBe(
    "Kafka's connect failed at broker b-1:9098: SASL authentication failed. Response Access denied",
  );
  expect(outageOf(failed)).toEqual({ kind: 'outage', message: `KafkaCallFailed: ${failed.message}`, cause: failed });
});

it('explains an error without a text by its code, and a chain without an end', () => {
  const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  expect(new KafkaCallFailed('connect', 'b:1', refused).message).toMatch(/: ECONNREFUSED$/);
  const circle: Error & { cause?: unknown } = new Error('one');
  circle.cause = circle;
  expect(new KafkaCallFailed('send', 'b:1', circle).message).toMatch(/: one$/);
  expect(new KafkaCallFailed('send', 'b:1', 'a text').message).toMatch(/: a text$/);
});
