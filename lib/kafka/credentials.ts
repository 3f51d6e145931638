import { OutboxError } from '../event/errors';
import { jsonObject } from '../event/options';

/** Username and password for SASL/SCRAM. */
export interface ScramCredentials {
  readonly username: string;
  readonly password: string;
}

/** A client certificate and its key, both in PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** @throws OutboxError `invalid-option` that names the secret and the fields that are missing, never a value. */
export const scramCredentials = (secretArn: string, secret: string): ScramCredentials =>
  textFields(secretArn, secret, ['username', 'password']);

/** @throws OutboxError `invalid-option` that names the secret and the fields that are missing, never a value. */
export const clientCertificate = (secretArn: string, secret: string): ClientCertificate =>
  textFields(secretArn, secret, ['certificate', 'privateKey']);

function textFields<F extends string>(secretArn: string, secret: string, names: readonly F[]): Record<F, string> {
  const fields = jsonObject(secret);
  const wrong = names.filter((name) => typeof fields?.[name] !== 'string' || fields[name] === '');
  if (fields === undefined || wrong.length > 0) {
    const got = fields === undefined ? 'a text that is not a JSON object' : `no text under ${wrong.join(', ')}`;
    const allowed = `a JSON object with the texts ${names.join(' and ')}`;
    throw new OutboxError(
      'invalid-option',
      `Secret ${secretArn} holds ${got}; it must hold ${allowed}. Correct its value in Secrets Manager: the relay reads it again when it connects.`,
      { option: 'auth.secretArn', got: secretArn, allowed },
    );
  }
  return Object.fromEntries(names.map((name) => [name, fields[name]])) as Record<F, string>;
}
