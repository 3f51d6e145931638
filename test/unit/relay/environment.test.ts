import fc from '../../builders/fast-check';
import type { KafkaAuth } from '../../../lib/kafka/broker-config';
import {
  COMPRESSIONS,
  decodeRelayConfig,
  encodeRelayConfig,
  RELAY_DEFAULTS,
  shortestFunctionTimeoutMs,
  type RelayConfig,
} from '../../../lib/relay/environment';

const config: RelayConfig = {
  ...RELAY_DEFAULTS,
  tableName: 'outbox',
  outboxName: 'Outbox',
  outboxId: 'Shop/Outbox',
  brokers: ['b-1.example:9098', 'b-2.example:9098'],
  auth: { kind: 'iam' },
  topics: ['orders', 'audit'],
};
const auth = fc.oneof(
  fc.constant<KafkaAuth>({ kind: 'iam' }),
  fc.constant<KafkaAuth>({ kind: 'none' }),
  fc.constant<KafkaAuth>({ kind: 'scram', secretArn: 'arn:secret' }),
  fc.constant<KafkaAuth>({ kind: 'tls', secretArn: undefined }),
  fc.constant<KafkaAuth>({ kind: 'tls', secretArn: 'arn:secret' }),
);

it('of a function whose code is newer than its environment has defaults for the new variables', () => {
  const {
    OUTBOX_PARTITION_PATIENCE_SECONDS: _,
    OUTBOX_MAX_PARTITION_HOLDS: __,
    OUTBOX_TOPICS: ___,
    ...older
  } = encodeRelayConfig({ ...config, partitionPatienceSeconds: 5, maxPartitionHolds: 5 });
  expect(decodeRelayConfig(older)).toEqual({ ...config, topics: undefined, home: undefined });
});

it('what the construct writes is what the handler reads', () => {
  fc.assert(
    fc.property(
      auth,
      fc.constantFrom(...COMPRESSIONS),
      fc.nat(),
      fc.integer({ min: 1, max: 1e9 }),
      (auth, compression, retentionSeconds, maxBatchBytes) => {
        const written = { ...config, auth, compression, retentionSeconds, maxBatchBytes };
        expect(decodeRelayConfig(encodeRelayConfig(written))).toEqual(written);
      },
    ),
  );
});

it.each([
  ['OUTBOX_TABLE_NAME', undefined, 'a non-empty text'],
  ['OUTBOX_KAFKA_BROKERS', 'broker', 'a comma-separated list of host:port'],
  ['OUTBOX_KAFKA_BROKERS', '', 'a non-empty text'],
  ['OUTBOX_KAFKA_AUTH', 'kerberos', 'one of iam, scram, tls, none'],
  ['OUTBOX_COMPRESSION', 'snappy', 'one of zstd, gzip, none'],
  ['OUTBOX_RETENTION_SECONDS', '-1', 'an integer of at least 0'],
  ['OUTBOX_RETENTION_SECONDS', '1.5', 'an integer of at least 0'],
  ['OUTBOX_MAX_BATCH_BYTES', '0', 'an integer of at least 1'],
  ['OUTBOX_REQUEST_TIMEOUT_MS', 'soon', 'an integer of at least 1'],
  ['OUTBOX_PUBLISH_WITHIN_MS', '0', 'an integer of at least 1'],
])('%s = %s is refused with its name and the allowed values', (variable, got, allowed) => {
  expect(() => decodeRelayConfig({ ...encodeRelayConfig(config), [variable]: got })).toThrow(
    expect.objectContaining({ code: 'invalid-environment', details: { variable, got, allowed } }) as Error,
  );
});

it('requires the secret of SCRAM', () => {
  expect(() => decodeRelayConfig({ ...encodeRelayConfig(config), OUTBOX_KAFKA_AUTH: 'scram' })).toThrow(
    /OUTBOX_KAFKA_SECRET_ARN is not set/,
  );
});

it('fits a round, its marks and the reading of the holds into 78 seconds', () => {
  expect(shortestFunctionTimeoutMs(RELAY_DEFAULTS)).toBe(78_000);
});
