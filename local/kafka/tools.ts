import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { LocalStackError } from '../errors';
import { distributionFolder, kafkaVersion } from './distribution-folder';

/** Kafka 4 brokers refuse to run on an older version. */
const MIN_JAVA = 17;

/** A program that the local stack needs and that this machine lacks. */
export interface MissingTool {
  readonly tool: 'java' | 'mvn';
  readonly problem: string;
  readonly howToGet: string;
}

/** The output of `java -version`; `undefined` without Java. */
export function javaVersion(environment = process.env): string | undefined {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8', env: environment });
  return error === undefined ? stderr : undefined;
}

/** The tools that must be installed before Kafka and DynamoDB Local can run; empty if none is missing. */
export function missingTools(environment = process.env): readonly MissingTool[] {
  const missing: MissingTool[] = [];
  const java = javaVersion(environment);
  const major = Number(/version "(\d+)/.exec(java ?? '')?.[1] ?? 0);
  if (major < MIN_JAVA) {
    missing.push({
      tool: 'java',
      problem: java === undefined ? 'there is no "java" on the PATH' : `"java" is version ${major}`,
      howToGet: `Java ${MIN_JAVA} or newer: apt-get install openjdk-17-jre-headless, brew install openjdk, or https://adoptium.net`,
    });
  }
  // Maven only downloads the jars, so it is not needed once they are there.
  const folder = distributionFolder(kafkaVersion(environment));
  if (!existsSync(folder) && spawnSync('mvn', ['--version'], { env: environment }).error !== undefined) {
    missing.push({
      tool: 'mvn',
      problem: 'there is no "mvn" on the PATH, and the jars of Apache Kafka are not downloaded yet',
      howToGet: 'Apache Maven 3.8 or newer: apt-get install maven, brew install maven, or https://maven.apache.org',
    });
  }
  return missing;
}

/**
 * @param needed Only Kafka needs Maven.
 * @throws LocalStackError `missing-tool`, naming each missing tool, how to get it and how to do without.
 */
export function requireTools(
  needed: readonly MissingTool['tool'][] = ['java', 'mvn'],
  environment = process.env,
): void {
  const missing = missingTools(environment).filter(({ tool }) => needed.includes(tool));
  if (missing.length === 0) return;
  throw new LocalStackError(
    'missing-tool',
    [
      'The local stack cannot start:',
      ...missing.map(({ problem, howToGet }) => `- ${problem}. Install ${howToGet}.`),
      'Or run both servers with Docker: docker compose up -d --wait, then set KAFKA_BROKERS and DYNAMODB_ENDPOINT (see compose.yaml).',
    ].join('\n'),
  );
}
