import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { secretReader } from '../../../lib/kafka/secrets';

const secrets = mockClient(SecretsManagerClient);
beforeEach(() => secrets.reset());

it('reads the secret again each time, with one client', async () => {
  secrets
    .on(GetSecretValueCommand, { SecretId: 'arn' })
    .resolvesOnce({ SecretString: 'old' })
    .resolves({ SecretString: 'new' });
  const newClient = jest.fn(() => new SecretsManagerClient({ region: 'eu-central-1' }));
  const read = secretReader(newClient);

  expect(newClient).not.toHaveBeenCalled();
  expect([await read('arn'), await read('arn')]).toEqual(['old', 'new']);
  expect(newClient).toHaveBeenCalledTimes(1);
});

it('refuses a binary secret', async () => {
  secrets.on(GetSecretValueCommand).resolves({ SecretBinary: new Uint8Array([1]) });

  await expect(secretReader(() => new SecretsManagerClient({ region: 'eu-central-1' }))('arn')).rejects.toMatchObject({
    code: 'invalid-option',
    details: { got: 'arn' },
  });
});

it('rejects as the SDK does', async () => {
  const failure = new Error('no such secret');
  secrets.on(GetSecretValueCommand).rejects(failure);

  await expect(secretReader(() => new SecretsManagerClient({ region: 'eu-central-1' }))('arn')).rejects.toBe(failure);
});
