import { OutboxError } from '../../../lib/event/errors';
import { clientCertificate, scramCredentials } from '../../../lib/kafka/secrets';

const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_outbox';

const refusal = (work: () => unknown): OutboxError => {
  try {
    work();
  } catch (error) {
    if (error instanceof OutboxError) return error as OutboxError;
  }
  throw new Error('it was not refused');
};

it('reads a SCRAM login and nothing beside it', () => {
  expect(scramCredentials(ARN, '{"username":"relay","password":"p","engine":"kafka"}')).toEqual({
    username: 'relay',
    password: 'p',
  });
});

it('reads a client certificate', () => {
  expect(clientCertificate(ARN, '{"certificate":"c","privateKey":"k"}')).toEqual({ certificate: 'c', privateKey: 'k' });
});

it('names the secret and every field that is missing', () => {
  const error = refusal(() => scramCredentials(ARN, '{"user":"relay","password":""}'));

  expect(error.is('invalid-option') && error.details).toEqual({
    option: 'auth.secretArn',
    got: ARN,
    allowed: 'a JSON object with the texts username and password',
  });
  expect(error.message).toContain('no text under username, password');
});

it.each([
  'hunter2',
  '"hunter2"',
  '["hunter2"]',
  '{"username":"hunter2"}',
  '{"password":{"is":"hunter2"}}',
  '{"password":hunter2}',
])('shows nothing of %s', (secret) => {
  const error = refusal(() => scramCredentials(ARN, secret));

  expect(JSON.stringify([error.message, error.details, String(error.cause), error.stack])).not.toContain('hunter2');
});
