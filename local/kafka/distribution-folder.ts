import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalStackError } from '../errors';
import { CACHE } from '../folders';

export const POM = join(__dirname, 'pom.xml');

const VERSION = /^\d+\.\d+\.\d+$/;
const NAME_CHARS = 12;

/** The version of `pom.xml`. */
export function defaultKafkaVersion(): string {
  const [, version] = /<kafka\.version>(.*)<\/kafka\.version>/.exec(readFileSync(POM, 'utf8')) ?? [];
  if (version === undefined) throw new LocalStackError('command-failed', `${POM} has no property kafka.version.`);
  return version;
}

/**
 * The version of Apache Kafka that this process runs unless a cluster has its own: the variable `KAFKA_VERSION`, or
 * that of `pom.xml`.
 *
 * @throws LocalStackError `invalid-option`.
 */
export function kafkaVersion(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const { KAFKA_VERSION: version = '' } = environment;
  if (version === '') return defaultKafkaVersion();
  if (!VERSION.test(version)) {
    throw new LocalStackError(
      'invalid-option',
      `The variable KAFKA_VERSION is "${version}"; it must be a version of Apache Kafka, such as 3.8.1.`,
    );
  }
  return version;
}

/** The folder of the complete jars. Its name has the version and a hash of the pom, so that a change gets another. */
export const distributionFolder = (version: string): string =>
  join(CACHE, `kafka-${version}-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, NAME_CHARS)}`);
