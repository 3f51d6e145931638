import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../folders';

export const POM = join(__dirname, 'pom.xml');

const NAME_CHARS = 12;

/** Where the jars lie once they are complete: named after the pom, so that another version is another folder. */
export const distributionFolder = (): string =>
  join(CACHE, `kafka-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, NAME_CHARS)}`);
