import { execFileSync } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka';
import { newLogFolder } from '../../../local/folders';
import { freePorts } from '../../../local/free-port';
import { KafkaBroker } from '../../../local/kafka/broker';
import { prepareKafka } from '../../../local/kafka/distribution';
import { kafkaReady } from '../../../local/kafka/ready';

const STORE_PASSWORD = 'local-test';
const SCRAM_SHA_512 = 2;
const ITERATIONS = 4_096;
const READY_MS = 60_000;

/** One broker that clients reach over TLS, where they log in by SCRAM or by a token; and in plain text. */
export interface SecureBroker {
  readonly plain: string;
  /** TLS without a login. */
  readonly tls: string;
  /** TLS with a login. */
  readonly sasl: string;
  /** The certificate of the broker, which signed itself; PEM. */
  readonly certificate: string;
  stop(): Promise<void>;
}

/** @param lifetimeMs - after this time, the broker closes a connection whose login was not renewed */
export async function startSecureBroker(
  user: { readonly username: string; readonly password: string },
  lifetimeMs: number,
): Promise<SecureBroker> {
  const [port = 0, controllerPort = 0, tlsPort = 0, saslPort = 0] = await freePorts(4);
  const data = mkdtempSync(join(tmpdir(), 'outbox-secure-kafka-'));
  const folder = join(data, 'node-1');
  const broker = new KafkaBroker(
    await prepareKafka(() => undefined),
    { nodeId: 1, port, controllerPorts: [controllerPort], folder },
    join(newLogFolder(), 'kafka-secure.log'),
  );
  broker.format(randomBytes(16).toString('base64url').replace(/^-/, 'A'));
  const store = join(folder, 'broker.p12');
  const certificate = makeCertificate(store);
  appendProperties(folder, {
    listeners: [
      `PLAINTEXT://127.0.0.1:${port}`,
      `CONTROLLER://127.0.0.1:${controllerPort}`,
      `SSL://127.0.0.1:${tlsPort}`,
      `SASL_SSL://127.0.0.1:${saslPort}`,
    ].join(','),
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SSL://localhost:${tlsPort},SASL_SSL://localhost:${saslPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
    'ssl.keystore.location': store,
    'ssl.keystore.password': STORE_PASSWORD,
    'ssl.keystore.type': 'PKCS12',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512,OAUTHBEARER',
    'connections.max.reauth.ms': String(lifetimeMs),
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'listener.name.sasl_ssl.oauthbearer.sasl.jaas.config':
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
  });
  const stop = async (): Promise<void> => {
    await broker.kill();
    await rm(data, { recursive: true, force: true });
  };
  try {
    await broker.start();
    await kafkaReady([broker.address], READY_MS, () => broker.assertRunning());
    await addUser(port, user);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...{ plain: broker.address, tls: `localhost:${tlsPort}`, sasl: `localhost:${saslPort}` },
    ...{ certificate, stop },
  };
}

/** A later line of the file replaces an earlier one. */
function appendProperties(folder: string, properties: Readonly<Record<string, string>>): void {
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  appendFileSync(join(folder, 'server.properties'), lines.join(''));
}

function makeCertificate(store: string): string {
  const keytool = (...args: readonly string[]): void =>
    void execFileSync('keytool', [...args, '-keystore', store, '-storepass', STORE_PASSWORD, '-alias', 'broker'], {
      stdio: 'pipe',
    });
  keytool(
    ...['-genkeypair', '-keyalg', 'EC', '-storetype', 'PKCS12', '-dname', 'CN=localhost'],
    ...['-ext', 'san=dns:localhost'],
  );
  const exported = `${store}.pem`;
  keytool('-exportcert', '-rfc', '-file', exported);
  return readFileSync(exported, 'utf8');
}

async function addUser(
  port: number,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  const connection = new Connection('test');
  await connection.connect('127.0.0.1', port);
  const salt = randomBytes(16);
  const saltedPassword = pbkdf2Sync(password, salt, ITERATIONS, 64, 'sha512');
  await alterUserScramCredentialsV0.api.async(
    connection,
    [],
    [{ name: username, mechanism: SCRAM_SHA_512, iterations: ITERATIONS, salt, saltedPassword }],
  );
  await connection.close();
}
