import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { invalidOption } from './invalid-option';
import { packageRoot } from './package-root';

/**
 * A function as this package ships it, bundled: synthesis needs no bundler and no Docker.
 *
 * @throws OutboxError `invalid-option` when `root` holds no bundle.
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
