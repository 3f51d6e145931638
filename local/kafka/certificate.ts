import { readFile } from 'node:fs/promises';
import { runCommand } from '../run-command';
import { KEYSTORE_PASSWORD } from './properties';

/** Makes a key and a self-signed certificate for 127.0.0.1 in a new `keystore`. Resolves with the certificate in PEM. */
export async function makeCertificate(keystore: string): Promise<string> {
  const store = ['-alias', 'broker', '-keystore', keystore, '-storepass', KEYSTORE_PASSWORD];
  await runCommand('keytool', [
    ...['-genkeypair', ...store, '-storetype', 'PKCS12', '-keyalg', 'EC', '-groupname', 'secp256r1'],
    ...['-dname', 'CN=127.0.0.1', '-ext', 'SAN=ip:127.0.0.1', '-validity', '1'],
  ]);
  const certificate = `${keystore}.pem`;
  await runCommand('keytool', ['-exportcert', ...store, '-rfc', '-file', certificate]);
  return readFile(certificate, 'utf8');
}
