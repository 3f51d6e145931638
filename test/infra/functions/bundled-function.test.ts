import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { packageRoot, bundledFunction } from '../../../lib/infra/functions/outbox-function';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'outbox-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('the bundle of a package is found from its sources and from its compiled files', () => {
  writeFileSync(join(root, 'package.json'), '{}');
  for (const directory of ['lib/infra', 'dist/lib/infra']) {
    mkdirSync(join(root, directory), { recursive: true });
    expect(packageRoot(join(root, directory))).toBe(root);
  }
});

test('the root of this package is where its package.json is', () => {
  expect(packageRoot()).toBe(join(__dirname, '../../..'));
});

test('a bundle that is missing is refused with its path and how to make it', () => {
  expect(() => bundledFunction('relay', root)).toThrow(
    `Option "relayCode" is not set; it must be given when ${join(root, 'dist/lambdas/relay/index.js')} does not exist. ` +
      'The published package contains that bundle; in a checkout, make it with "node scripts/bundle.mjs".',
  );
});

test('the bundle is the asset of the function', () => {
  const directory = join(root, 'dist/lambdas/relay');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'index.js'), 'exports.handler = async () => {};');
  const relay = new LambdaFunction(new Stack(), 'Relay', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: bundledFunction('relay', root),
  });
  expect(relay.node.tryFindChild('Code')).toBeDefined();
});
