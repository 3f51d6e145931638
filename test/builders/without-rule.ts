import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { build } from 'esbuild';

/** A rule of the code, by its text. */
export interface SwitchedOff {
  /** In lib/. */
  readonly file: string;
  /** The text of the rule, which must stand in the file exactly once. */
  readonly text: string;
  readonly off: string;
}

const LIB = resolve(__dirname, '../../lib');

/** What the module `entry` exports, with the code that it imports and without the rule. */
export async function withoutRule<Exports>(entry: string, { file, text, off }: SwitchedOff): Promise<Exports> {
  const path = resolve(LIB, file);
  const source = readFileSync(path, 'utf8');
  const found = source.split(text).length - 1;
  if (found !== 1) throw new Error(`${file} has ${found} times, and not once: ${text}`);
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    plugins: [
      {
        name: 'rule-switched-off',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, (loaded) =>
            loaded.path === path ? { contents: source.replace(text, () => off), loader: 'ts' } : undefined,
          ),
      },
    ],
  });
  const module = { exports: {} as Exports, require: createRequire(entry) };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the bundle that was built above
  const run = new Function('module', 'exports', 'require', 'jest', outputFiles[0]?.text ?? '') as (
    ...args: readonly unknown[]
  ) => void;
  run(module, module.exports, module.require, jest);
  return module.exports;
}
