import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory of this package: the nearest ancestor with a package.json, from the sources as well as from `dist`. */
export function packageRoot(from: string = __dirname): string {
  for (let directory = from; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) return directory;
    if (directory === dirname(directory)) throw new Error(`No package.json in ${from} or above it.`);
  }
}
