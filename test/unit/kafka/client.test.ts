import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import type { KafkaAuth } from '../../../lib/kafka/broker-config';
import { kafkaClient, type KafkaClientOptions } from '../../../lib/kafka/client';
import type { ReadSecret } from '../../../lib/kafka/secrets';
import { mskTokens } from '../../../lib/kafka/msk-token';

jest.mock('kafkajs', () => ({ ...jest.requireActual<object>('kafkajs'), Kafka: jest.fn() }));
jest.mock('../../../lib/kafka/msk-token', () => ({ mskTokens: jest.fn() }));

const kafka = jest.mocked(Kafka);
const BROKERS = ['one:9098', 'two:9098'];
const noSecret: ReadSecret = () => Promise.reject(new Error('no secret was expected to be read'));

async function configOf(auth: KafkaAuth, readSecret = noSecret, options?: KafkaClientOptions): Promise<KafkaConfig> {
  await kafkaClient({ auth, requestTimeoutMs: 4_000, name: 'orders' }, readSecret, options)(BROKERS);
  const config = kafka.mock.lastCall?.[0];
  if (config === undefined) throw new Error('no client was made');
  return config;
}

it('gives connections and requests the same time, and few retries', async () => {
  expect(await configOf({ kind: 'none' })).toMatchObject({
    clientId: 'outbox-orders',
    brokers: BROKERS,
    requestTimeout: 4_000,
    connectionTimeout: 4_000,
    authenticationTimeout: 4_000,
    reauthenticationThreshold: 4_000,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 500 },
  });
});

it('uses neither TLS nor a login without authentication', async () => {
  const config = await configOf({ kind: 'none' });

  expect([config.ssl, config.sasl]).toEqual([undefined, undefined]);
});

it('logs in to MSK with a token of the region, made for each login', async () => {
  const tokens = ['first', 'second'];
  jest.mocked(mskTokens).mockReturnValueOnce(() => Promise.resolve(tokens.shift() ?? ''));

  const { ssl, sasl } = await configOf({ kind: 'iam' }, noSecret, { region: 'eu-central-1' });

  expect(ssl).toBe(true);
  if (sasl?.mechanism !== 'oauthbearer' || !('oauthBearerProvider' in sasl))
    throw new Error('it must log in by a token');
  expect([await sasl.oauthBearerProvider(), await sasl.oauthBearerProvider()]).toEqual([
    { value: 'first' },
    { value: 'second' },
  ]);
  expect(mskTokens).toHaveBeenCalledWith('eu-central-1');
});

it('refuses to sign for no region as soon as it is configured', () => {
  const config = { auth: { kind: 'iam' }, requestTimeoutMs: 4_000, name: 'orders' } as const;

  expect(() => kafkaClient(config, noSecret, { region: '' })).toThrow('Environment variable AWS_REGION is not set');
});

it('logs in by SCRAM over TLS with the secret as it is at that time', async () => {
  const readSecret = jest.fn<Promise<string>, [string]>();
  readSecret.mockResolvedValueOnce('{"username":"relay","password":"old"}');
  readSecret.mockResolvedValueOnce('{"username":"relay","password":"new"}');
  const connect = kafkaClient(
    { auth: { kind: 'scram', secretArn: 'arn' }, requestTimeoutMs: 4_000, name: 'orders' },
    readSecret,
  );

  await connect(BROKERS);
  await connect(BROKERS);

  expect(kafka.mock.calls.slice(-2).map(([{ ssl, sasl }]) => ({ ssl, sasl }))).toEqual([
    { ssl: true, sasl: { mechanism: 'scram-sha-512', username: 'relay', password: 'old' } },
    { ssl: true, sasl: { mechanism: 'scram-sha-512', username: 'relay', password: 'new' } },
  ]);
  expect(readSecret).toHaveBeenCalledWith('arn');
});

it('uses TLS alone, or with a client certificate when there is one', async () => {
  const secret = () => Promise.resolve('{"certificate":"c","privateKey":"k"}');

  expect((await configOf({ kind: 'tls' })).ssl).toBe(true);
  expect((await configOf({ kind: 'tls', secretArn: 'arn' }, secret)).ssl).toEqual({ cert: 'c', key: 'k' });
});

it('rejects when the secret is unusable', async () => {
  const secret = () => Promise.resolve('{}');

  await expect(configOf({ kind: 'scram', secretArn: 'arn' }, secret)).rejects.toMatchObject({ code: 'invalid-option' });
});

it('keeps kafkajs quiet unless it is asked for its errors', async () => {
  expect((await configOf({ kind: 'none' })).logLevel).toBe(logLevel.NOTHING);

  const log = jest.fn();
  const config = await configOf({ kind: 'none' }, noSecret, { log });
  config.logCreator?.(logLevel.ERROR)({
    namespace: 'Connection',
    level: logLevel.ERROR,
    label: 'ERROR',
    log: { timestamp: 't', message: 'Connection timeout', broker: 'one:9098' },
  });

  expect(config.logLevel).toBe(logLevel.ERROR);
  expect(log.mock.calls).toEqual([
    ['Connection timeout', { namespace: 'Connection', timestamp: 't', broker: 'one:9098' }],
  ]);
});
