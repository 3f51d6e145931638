import { Duration, Lazy, Token } from 'aws-cdk-lib';
import { OutboxError } from '../../../lib/event/errors';
import { checkReplayWindow, resolveOutboxProps, type OutboxProps } from '../../../lib/infra/outbox/outbox-props';
import { outboxProps } from '../stack';

test('an option of undefined is as good as none', () => {
  expect(resolveOutboxProps(outboxProps({ compression: undefined })).compression).toBe('zstd');
});

test('a misspelt option is refused, with the one that was meant', () => {
  const misspelt = { ...outboxProps(), retension: Duration.days(2) };
  expect(() => resolveOutboxProps(misspelt)).toThrow('Outbox has no option "retension". Did you mean "retention"?');
});

test.each<[string, Partial<Record<keyof OutboxProps, unknown>>, string]>([
  ['no topics', { topics: [] }, 'topics'],
  ['topics that are one text', { topics: 'orders' }, 'topics'],
  ['topics of unknown number', { topics: Lazy.list({ produce: () => ['orders'] }) }, 'topics'],
  ['a wildcard', { topics: ['orders.*'] }, 'topics'],
  ['a topic twice', { topics: ['orders', 'payments', 'orders'] }, 'topics'],
  ['no brokers', { bootstrapBrokers: undefined }, 'bootstrapBrokers'],
  ['a broker without a port', { bootstrapBrokers: 'b-1:9098,b-2' }, 'bootstrapBrokers'],
  ['no authentication', { authentication: undefined }, 'authentication'],
  ['authentication by name', { authentication: 'iam' }, 'authentication'],
  ['an unknown codec', { compression: 'snappy' }, 'compression'],
  ['an unknown publisher', { publisher: 'librdkafka' }, 'publisher'],
  ['an unknown order', { order: 'total' }, 'order'],
  ['strict order without retention', { order: 'strict', retention: Duration.seconds(0) }, 'order'],
  ['a batch of nothing', { maxBatchBytes: 0 }, 'maxBatchBytes'],
  ['a batch size known at deployment', { maxBatchBytes: Token.asNumber({ Ref: 'Size' }) }, 'maxBatchBytes'],
  ['half a second of retention', { retention: Duration.millis(500) }, 'retention'],
  ['a retention known at deployment', { retention: Duration.seconds(Token.asNumber({ Ref: 'S' })) }, 'retention'],
  ['an invocation of 16 minutes', { relayTimeout: Duration.minutes(16) }, 'relayTimeout'],
  ['requests as slow as the invocation', { requestTimeout: Duration.seconds(90) }, 'relayTimeout'],
  ['an invocation shorter than its slowest round', { relayTimeout: Duration.seconds(77) }, 'relayTimeout'],
  ['a retention shorter than the replay window', { replayWindow: Duration.days(2) }, 'retention'],
  ['a shard more than IAM lets in at once', { expectedShards: 101 }, 'expectedShards'],
  ['no shard', { expectedShards: 0 }, 'expectedShards'],
  ['fewer relays than shards', { relayConcurrency: 3 }, 'relayConcurrency'],
  ['a name with spaces', { outboxName: 'my orders' }, 'outboxName'],
  ['the name of no table', { tableName: 'a/b' }, 'tableName'],
  ['a cluster by its ARN', { cluster: 'arn:aws:kafka' }, 'cluster'],
  ['requests without any time', { requestTimeout: Duration.millis(0) }, 'requestTimeout'],
])('%s: refused', (_, changed, option) => {
  const props = { ...outboxProps(), ...changed } as OutboxProps;
  const refused = (): unknown => {
    try {
      resolveOutboxProps(props);
    } catch (error) {
      return error;
    }
    return 'nothing was refused';
  };
  expect(refused()).toBeInstanceOf(OutboxError);
  expect(refused()).toMatchObject({ code: 'invalid-option', details: { option } });
});

test('values known only at deployment are accepted where possible', () => {
  const token = (): string => Lazy.string({ produce: () => 'later' });
  const props = outboxProps({ topics: [token(), 'orders'], bootstrapBrokers: token(), tableName: token() });
  expect(resolveOutboxProps(props)).toMatchObject({ topics: props.topics, bootstrapBrokers: props.bootstrapBrokers });
});

test('an error names the option, the value, the allowed values and the fix', () => {
  expect(() => resolveOutboxProps(outboxProps({ bootstrapBrokers: 'b-1' }))).toThrow(
    'Option "bootstrapBrokers" is "b-1"; it must be a comma-separated list of host:port. Copy it from "aws kafka get-bootstrap-brokers", or give a cluster.',
  );
});

test('the retention must cover the replay window', () => {
  expect(() => checkReplayWindow(Duration.days(1), undefined)).not.toThrow();
  expect(() => checkReplayWindow(Duration.days(2), Duration.days(2))).not.toThrow();
  expect(() => checkReplayWindow(Duration.days(1), Duration.days(2))).toThrow(
    'it must be at least the replayWindow of Duration.days(2). A replay publishes processed items, and DynamoDB deletes them after the retention. Raise it, or lower replayWindow.',
  );
});
