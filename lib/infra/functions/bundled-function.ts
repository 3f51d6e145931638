import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { invalidOption } from '../options/invalid-option';
import { packageRoot } from './package-root';

/**
 * The code of a function that this package ships as a bundle: synthesis needs neither a bundler nor Docker.
 *
 * @throws OutboxError `invalid-option` if `root` holds no bundle.
 */
export function bundledFunction(
  name: 'relay' | 'sweeper' | 'topics' | 'example-consumer',
  root: string = packageRoot(),
): Code {
  const directory = join(root, 'dist', 'lambdas', name);
  if (!existsSync(join(directory, 'index.js'))) {
    throw invalidOption(
      name === 'example-consumer' ? 'exampleConsumerCode' : `${name}Code`,
      undefined,
      `given when ${join(directory, 'index.js')} does not exist`,
      'The published package contains that bundle; in a checkout, make it with "node scripts/bundle.mjs".',
    );
  }
  return Code.fromAsset(directory);
}
