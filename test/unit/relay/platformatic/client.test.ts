import type { KafkaAuth } from '../../../../lib/kafka/broker-config';
import { mskTokens } from '../../../../lib/kafka/msk-token';
import type { ReadSecret } from '../../../../lib/kafka/secrets';
import { platformaticClient } from '../../../../lib/relay/platformatic/client';
import { PlatformaticSession } from '../../../../lib/relay/platformatic/session';
import { FakeCluster } from './fake-broker';

jest.mock('../../../../lib/kafka/msk-token', () => ({ mskTokens: jest.fn() }));

const noSecret: ReadSecret = () => Promise.reject(new Error('no secret was expected to be read'));
const config = (auth: KafkaAuth) => ({ name: 'orders', auth, requestTimeoutMs: 1_000 });

async function optionsOf(auth: KafkaAuth, readSecret = noSecret, host = 'b-1.example.com') {
  const client = await platformaticClient(config(auth), readSecret, 'eu-central-1')();
  return client.optionsFor(host, () => undefined);
}

it('names the client, and gives connections and requests the same time', async () => {
  const client = await platformaticClient(config({ kind: 'none' }), noSecret)();

  expect(client.clientId).toBe('outbox-orders');
  expect(client.optionsFor('host', () => undefined)).toEqual({
    connectTimeout: 1_000,
    requestTimeout: 1_000,
    maxInflights: 1,
  });
});

it('uses TLS alone, or with a client certificate when there is one', async () => {
  const secret = () => Promise.resolve('{"certificate":"c","privateKey":"k"}');

  expect(await optionsOf({ kind: 'tls' })).toMatchObject({ tls: {}, tlsServerName: 'b-1.example.com' });
  expect(await optionsOf({ kind: 'tls', secretArn: 'arn' }, secret)).toMatchObject({ tls: { cert: 'c', key: 'k' } });
});

it('sends no address as the name of a server', async () => {
  expect((await optionsOf({ kind: 'tls' }, noSecret, '10.0.0.7')).tlsServerName).toBeUndefined();
});

it('logs in by SCRAM over TLS with the secret as it is at that time', async () => {
  const readSecret = jest.fn<Promise<string>, [string]>(() =>
    Promise.resolve('{"username":"relay","password":"secret"}'),
  );
  const connect = platformaticClient(config({ kind: 'scram', secretArn: 'arn' }), readSecret);

  await connect();
  const client = await connect();

  expect(readSecret.mock.calls).toEqual([['arn'], ['arn']]);
  expect(client.optionsFor('b-1', () => undefined)).toMatchObject({
    tls: {},
    sasl: { mechanism: 'SCRAM-SHA-512', authenticate: expect.any(Function) as unknown },
  });
});

it('refuses to sign for no region as soon as it is configured', () => {
  expect(() => platformaticClient(config({ kind: 'iam' }), noSecret, '')).toThrow(
    'Environment variable AWS_REGION is not set',
  );
});

it('rejects when the secret is unusable', async () => {
  await expect(optionsOf({ kind: 'scram', secretArn: 'arn' }, () => Promise.resolve('{}'))).rejects.toMatchObject({
    code: 'invalid-option',
  });
});

describe('a login by token', () => {
  let cluster: FakeCluster;
  const clock = { ms: 0, now: () => clock.ms };
  beforeEach(async () => {
    clock.ms = 0;
    cluster = await FakeCluster.start(2);
    cluster.topics.set('a', [{ leader: 0 }, { leader: 1 }]);
  });
  afterEach(() => cluster.stop());

  async function open(token: () => Promise<string>): Promise<PlatformaticSession> {
    jest.mocked(mskTokens).mockReturnValueOnce(token);
    const client = await platformaticClient(config({ kind: 'iam' }), noSecret, 'eu-central-1')();
    // The brokers of the test speak no TLS.
    const plain = { ...client, optionsFor: withoutTls(client.optionsFor) };
    return PlatformaticSession.open(
      plain,
      { compression: 'none', requestTimeoutMs: 1_000, clock },
      cluster.brokers[0] ?? '',
    );
  }

  it('is made over TLS', async () => {
    jest.mocked(mskTokens).mockReturnValueOnce(() => Promise.resolve('token'));

    expect(await optionsOf({ kind: 'iam' })).toMatchObject({ tls: {}, sasl: { mechanism: 'OAUTHBEARER' } });
    expect(mskTokens).toHaveBeenCalledWith('eu-central-1');
  });

  it('signs a token for each connection', async () => {
    let nth = 0;
    const session = await open(() => Promise.resolve(`token-${++nth}`));
    await session.send([
      { topic: 'a', partition: 1, messages: [{ topic: 'a', key: Buffer.from('k'), value: null, headers: {} }] },
    ]);

    expect(cluster.tokens).toEqual(['token-1', 'token-2'].map((token) => `n,,\x01auth=Bearer ${token}\x01\x01`));
    await session.discard();
  });

  it('ends the use of the session before the broker ends the connection, and is not renewed', async () => {
    cluster.sessionLifetimeMs = 100;
    const session = await open(() => Promise.resolve('token'));
    clock.ms = 79;
    expect(session.isExpiring()).toBe(false);
    clock.ms = 80;
    expect(session.isExpiring()).toBe(true);

    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(cluster.tokens).toHaveLength(1);
    await session.discard();
  });

  it('does not end if the broker names no lifetime', async () => {
    const session = await open(() => Promise.resolve('token'));
    clock.ms = Number.MAX_SAFE_INTEGER;

    expect(session.isExpiring()).toBe(false);
    await session.discard();
  });

  it('fails with the reason if no token can be signed', async () => {
    await expect(open(() => Promise.reject(new Error('The credentials ended.')))).rejects.toMatchObject({
      message: expect.stringMatching(/^Kafka's connect failed at broker .* The credentials ended\.$/) as string,
    });
  });
});

type OptionsFor = Awaited<ReturnType<ReturnType<typeof platformaticClient>>>['optionsFor'];

const withoutTls =
  (optionsFor: OptionsFor): OptionsFor =>
  (host, onLogin) => ({ ...optionsFor(host, onLogin), tls: undefined, tlsServerName: undefined });
