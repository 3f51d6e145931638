import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../folders';

export const POM = join(__dirname, 'pom.xml');

const NAME_CHARS = 12;

/** The folder of the complete jars. Its name is a hash of the pom, so that each version has its own folder. */
export const distributionFolder = (): string =>
  join(CACHE, `kafka-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, NAME_CHARS)}`);
