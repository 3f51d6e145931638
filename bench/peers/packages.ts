import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE } from '../../local/folders';
import { runCommand } from '../../local/run-command';

const MAVEN_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const HASH_CHARS = 12;

/** The folders that the peers run from and log to. */
export interface PeerFolders {
  /** Of Kafka Connect and Debezium. */
  readonly jars: string;
  /** Of the Node.js peers. */
  readonly packages: string;
  readonly logFolder: string;
}

/** The jars of Kafka Connect and Debezium. Downloads them once for each version of the pom. */
export const connectJars = (): Promise<string> =>
  downloaded('connect', join(__dirname, 'pom.xml'), async (pom, folder) => {
    await runCommand('mvn', [
      ...['--batch-mode', '--file', pom, MAVEN_GOAL],
      ...['-DincludeScope=runtime', `-DoutputDirectory=${folder}`],
    ]);
  });

/** The folder in which the Node.js peers are installed. Installs them once for each version of their package.json. */
export const nodePackages = (): Promise<string> =>
  downloaded('peers', join(__dirname, 'package.json'), async (file, folder) => {
    copyFileSync(file, join(folder, 'package.json'));
    await runCommand('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder]);
  });

/** Fills a folder in the cache whose name has the hash of `description`. A download that fails leaves nothing behind. */
async function downloaded(
  name: string,
  description: string,
  download: (description: string, folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(description)).digest('hex').slice(0, HASH_CHARS);
  const folder = join(CACHE, `${name}-${hash}`);
  if (existsSync(folder)) return folder;
  const draft = join(CACHE, `draft-${randomUUID()}`);
  mkdirSync(draft, { recursive: true });
  try {
    await download(description, draft);
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}

/** The exact version that a package.json or a pom names. */
export function versionOf(file: 'pom.xml' | 'package.json', name: string): string {
  const text = readFileSync(join(__dirname, file), 'utf8');
  const pattern =
    file === 'pom.xml'
      ? new RegExp(`<artifactId>${name}</artifactId>\\s*<version>([^<]+)<`)
      : new RegExp(`"${name}": "([^"]+)"`);
  return pattern.exec(text)?.[1] ?? 'unknown';
}
