import {
  KafkaJSConnectionError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
} from 'kafkajs';
import { errorCodes } from 'kafkajs/src/protocol/error';
import { classify, classifyOf, outageOf } from '../../../../lib/relay/publishing/classify-error';
import { protocolErrorOf } from '../../../../lib/kafka/protocol-error';
import { concernsMessages, concernsTopic } from '../../../../lib/relay/ports';

const POISON: Readonly<Record<string, string>> = {
  MESSAGE_TOO_LARGE: 'message-too-large',
  RECORD_LIST_TOO_LARGE: 'message-too-large',
  INVALID_RECORD: 'message-refused',
  POLICY_VIOLATION: 'message-refused',
  UNKNOWN_TOPIC_OR_PARTITION: 'unknown-topic',
  INVALID_TOPIC_EXCEPTION: 'unknown-topic',
  TOPIC_AUTHORIZATION_FAILED: 'topic-not-authorized',
};

const protocol = (type: string): KafkaJSProtocolError => {
  const known = errorCodes.find((error) => error.type === type);
  if (known === undefined) throw new Error(`${type} is no error of the protocol`);
  return new KafkaJSProtocolError(Object.assign(new Error(known.message), known));
};

it('finds every poison among the errors of the protocol', () => {
  expect(errorCodes.map(({ type }) => type)).toEqual(expect.arrayContaining(Object.keys(POISON)));
});

it.each(errorCodes.map(({ type }) => [type]))('classifies %s', (type) => {
  const reason = POISON[type];
  const expected = reason === undefined ? { kind: 'outage' } : { kind: 'poison', reason };
  const error = protocol(type);

  expect(classify(error)).toMatchObject({ ...expected, cause: error });
  expect(classify(error).message).toContain(type);
});

it('finds the refusal behind exhausted retries', () => {
  const exhausted = new KafkaJSNumberOfRetriesExceeded(protocol('UNKNOWN_TOPIC_OR_PARTITION'), {
    retryCount: 2,
    retryTime: 200,
  });

  expect(classify(exhausted)).toMatchObject({ kind: 'poison', reason: 'unknown-topic', cause: exhausted });
});

it('finds the refusal under originalError', () => {
  const wrapped = Object.assign(new Error('wrapped'), { originalError: protocol('MESSAGE_TOO_LARGE') });

  expect(classify(wrapped)).toMatchObject({ kind: 'poison', reason: 'message-too-large' });
});

it.each([
  ['a refused connection', new KafkaJSConnectionError('Connection error', { code: 'ECONNREFUSED', broker: 'b:1' })],
  ['a timeout', new KafkaJSRequestTimeoutError('Request Produce timed out', {} as never)],
  ['a missing codec', new KafkaJSNonRetriableError('ZSTD compression not implemented')],
  ['a type error of the client', new TypeError("Cannot read properties of undefined (reading 'connectionPool')")],
  ['a message that only sounds like a refusal', new Error('MESSAGE_TOO_LARGE')],
  ['something that is no error', 'MESSAGE_TOO_LARGE'],
])('classifies %s as an outage', (_, error) => {
  expect(classify(error)).toMatchObject({ kind: 'outage', cause: error });
});

it('ends at a chain of causes without an end', () => {
  const error: Error & { cause?: unknown } = new Error('one');
  error.cause = error;

  expect(classify(error)).toEqual({ kind: 'outage', message: 'Error: one', cause: error });
});

it('distinguishes a refusal of the topic from one of the messages', () => {
  const failures = Object.keys(POISON).map((type) => [type, classify(protocol(type))] as const);
  const types = (test: typeof concernsTopic) => failures.filter(([, failure]) => test(failure)).map(([type]) => type);

  expect(types(concernsTopic)).toEqual([
    'UNKNOWN_TOPIC_OR_PARTITION',
    'INVALID_TOPIC_EXCEPTION',
    'TOPIC_AUTHORIZATION_FAILED',
  ]);
  expect([...types(concernsTopic), ...types(concernsMessages)].sort()).toEqual(Object.keys(POISON).sort());
  expect(concernsMessages(classify(protocol('REQUEST_TIMED_OUT')))).toBe(false);
});

it('never refuses a message for a call that carried none', () => {
  expect(outageOf(protocol('TOPIC_AUTHORIZATION_FAILED'))).toMatchObject({ kind: 'outage' });
});

it('names the error of the protocol, or none', () => {
  expect(protocolErrorOf(protocol('LEADER_NOT_AVAILABLE'))).toBe('LEADER_NOT_AVAILABLE');
  expect(protocolErrorOf(new Error('LEADER_NOT_AVAILABLE'))).toBeUndefined();
});

it.each([
  ['UNKNOWN_TOPIC_OR_PARTITION', 'Topic "audit" does not exist (UNKNOWN_TOPIC_OR_PARTITION).'],
  ['INVALID_TOPIC_EXCEPTION', 'Kafka does not allow "audit" as the name of a topic (INVALID_TOPIC_EXCEPTION).'],
  ['TOPIC_AUTHORIZATION_FAILED', 'The relay may not write to topic "audit" (TOPIC_AUTHORIZATION_FAILED).'],
  ['MESSAGE_TOO_LARGE', 'The message is larger than "max.message.bytes" of topic "audit" (MESSAGE_TOO_LARGE).'],
])('names the topic of %s', (type, message) => {
  expect(classifyOf('audit', protocol(type))).toMatchObject({ kind: 'poison', message });
});

it('names the topic of any other refusal, and leaves outages as they are', () => {
  for (const type of Object.keys(POISON)) expect(classifyOf('audit', protocol(type)).message).toContain('"audit"');
  const outage = protocol('NOT_ENOUGH_REPLICAS');
  expect(classifyOf('audit', outage)).toEqual(classify(outage));
});

it('names the broker that kafkajs could not reach', () => {
  const timeout = new KafkaJSConnectionError('Connection timeout', { broker: 'b-2:9098' });
  expect(outageOf(timeout).message).toBe('KafkaJSConnectionError: Connection timeout (broker b-2:9098)');
  const refused = new KafkaJSConnectionError('connect ECONNREFUSED b-2:9098', { broker: 'b-2:9098' });
  expect(outageOf(refused).message).not.toContain('(broker');
});
