import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { KafkaAuth } from '../../../lib/kafka/broker-config';
import { mskTokens } from '../../../lib/kafka/msk-token';
import type { PartitionBatch } from '../../../lib/relay/ports';
import type { KafkaPublisher } from '../../../lib/relay/publishing/publisher';
import { createTopics } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import { PUBLISHERS } from './clients';
import { readTopic } from './read-topic';
import { startSecureBroker, type SecureBroker } from './secure-broker';

jest.mock('../../../lib/kafka/msk-token', () => ({ mskTokens: jest.fn() }));

const USER = { username: 'relay', password: 'p=a,s' };
/** kafkajs renews a login in its last request timeout: with a shorter lifetime it would log in for each request. */
const LIFETIME_MS = 14_000;

let broker: SecureBroker;
const trusted = tls.getCACertificates('default');
const open: KafkaPublisher[] = [];
beforeAll(async () => {
  broker = await startSecureBroker(USER, LIFETIME_MS);
  tls.setDefaultCACertificates([...trusted, broker.certificate]);
});
afterAll(async () => {
  tls.setDefaultCACertificates(trusted);
  await Promise.all(open.map((publisher) => publisher.close()));
  await broker.stop();
});

/** A token that the broker accepts without a signature; each is another one. */
const tokens: string[] = [];
const signToken = (): Promise<string> => {
  const now = Date.now() / 1_000;
  const claims = { sub: 'relay', iat: now, exp: now + 3_600, jti: String(tokens.length) };
  const token = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  tokens.push(`${token.join('.')}.`);
  return Promise.resolve(tokens.at(-1) ?? '');
};

const batch = (topic: string, value: string): PartitionBatch => ({
  topic,
  partition: 0,
  messages: [{ topic, key: Buffer.from('key'), value: Buffer.from(value), headers: {} }],
});

describe.each(PUBLISHERS)('with %s', (client, openPublisher) => {
  function publisherFor(auth: KafkaAuth, address: string, readSecret?: () => Promise<string>): KafkaPublisher {
    jest.mocked(mskTokens).mockReturnValue(signToken);
    const publisher = openPublisher({
      ...{ brokers: [address], auth, readSecret, region: 'eu-central-1', requestTimeoutMs: 10_000 },
      onRebuilt: () => undefined,
    });
    open.push(publisher);
    return publisher;
  }

  const newTopic = async (name: string): Promise<string> => {
    const topic = `${client}-${name}`;
    await createTopics([broker.plain], [{ topic, partitions: 1 }]);
    return topic;
  };
  const scram = { kind: 'scram', secretArn: 'arn' } as const;
  const secretOf = (password: string) => () => Promise.resolve(JSON.stringify({ ...USER, password }));

  it('publishes over TLS', async () => {
    const topic = await newTopic('tls');
    expect(await publisherFor({ kind: 'tls' }, broker.tls).publish([batch(topic, '1')])).toMatchObject([
      { kind: 'acked' },
    ]);
  });

  it('publishes after a login by SCRAM', async () => {
    const topic = await newTopic('scram');
    const publisher = publisherFor(scram, broker.sasl, secretOf(USER.password));
    expect(await publisher.publish([batch(topic, '1')])).toMatchObject([{ kind: 'acked' }]);
  });

  it('reports an outage if the password is wrong', async () => {
    const topic = await newTopic('wrong-password');
    const publisher = publisherFor(scram, broker.sasl, secretOf('wrong'));
    expect(await publisher.publish([batch(topic, '1')])).toMatchObject([
      { kind: 'outage', message: expect.stringMatching(/authentication failed/i) as string },
    ]);
  });

  it('refuses a broker whose certificate it does not trust', async () => {
    const topic = await newTopic('untrusted');
    tls.setDefaultCACertificates(trusted);
    try {
      expect(await publisherFor({ kind: 'tls' }, broker.tls).publish([batch(topic, '1')])).toMatchObject([
        { kind: 'outage', message: expect.stringMatching(/self-signed certificate/) as string },
      ]);
    } finally {
      tls.setDefaultCACertificates([...trusted, broker.certificate]);
    }
  });

  it('publishes past the lifetime of its token, in order and without a duplicate, and signs new ones', async () => {
    const topic = await newTopic('token');
    const publisher = publisherFor({ kind: 'iam' }, broker.sasl);
    await waitUntil('The topic', 60_000, async () =>
      (await publisher.partitionCount(topic)).kind === 'topic' ? true : undefined,
    );
    const signed = tokens.length;
    const sent: string[] = [];
    // As after a freeze of the function, one pause is longer than the lifetime.
    for (const pauseMs of [0, 3_000, 3_000, 3_000, 3_000, 3_000, 1.2 * LIFETIME_MS, 500]) {
      await sleep(pauseMs);
      sent.push(String(sent.length));
      expect(await publisher.publish([batch(topic, sent.at(-1) ?? '')])).toMatchObject([{ kind: 'acked' }]);
    }

    expect((await readTopic([broker.plain], topic)).map(({ value }) => String(value))).toEqual(sent);
    expect(tokens.length).toBeGreaterThan(signed);
    expect(new Set(tokens).size).toBe(tokens.length);
  });
});
