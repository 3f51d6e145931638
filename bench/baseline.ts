import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../local/folders';

/** The relay before its own encoder and its direct calls: the measure of what they gain. */
const COMMIT = '1a489bba314c6ed027e405e2ae58298cdc42e3c8';
const PARTS = ['lib', 'lambdas', 'scripts', 'package.json'];

/** Bundles the relay of an earlier commit into `folder`. `undefined`: this copy of the sources has no history. */
export async function bundleBaseline(folder: string): Promise<string | undefined> {
  const root = join(folder, 'baseline');
  mkdirSync(root);
  try {
    const archive = execFileSync('git', ['archive', COMMIT, ...PARTS], { cwd: ROOT, maxBuffer: 2 ** 28 });
    execFileSync('tar', ['-x', '-C', root], { input: archive });
  } catch {
    return undefined;
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const scripts = (await import(pathToFileURL(join(root, 'scripts', 'bundle.mjs')).href)) as {
    readonly bundleLambdas: () => Promise<{ readonly name: string; readonly directory: string }[]>;
  };
  const relay = (await scripts.bundleLambdas()).find(({ name }) => name === 'relay');
  return relay && join(relay.directory, 'index.js');
}
