import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { runInThisContext } from 'node:vm';
import { build, type Plugin } from 'esbuild';

/** A rule of the code, given as source text. */
export interface SwitchedOff {
  /** Relative to lib/. */
  readonly file: string;
  /** The text of the rule, which must stand in the file exactly once. */
  readonly text: string;
  readonly off: string;
}

const LIB = resolve(__dirname, '../../lib');

/** Where a bundle runs. */
type Realm =
  /** With the test's globals: fake timers work. */
  | 'test'
  /**
   * With the globals of Node.js, which Jest keeps away from tests: its own halve the speed of code that uses `Math`,
   * `Map` or `Promise` all the time. Mock functions record nothing.
   */
  | 'node';

/** Loads the exports of the module `entry`, bundled with its imports and without the rule. */
export async function withoutRule<Exports>(entry: string, rule: SwitchedOff, realm: Realm = 'test'): Promise<Exports> {
  return load(entry, await bundle(entry, [ruleSwitchedOff(rule)]), realm) as Exports;
}

/** A plugin of esbuild that leaves the rule out of a bundle. @throws Error if its text is not in the file exactly once */
export function ruleSwitchedOff({ file, text, off }: SwitchedOff): Plugin {
  const path = resolve(LIB, file);
  const source = readFileSync(path, 'utf8');
  const found = source.split(text).length - 1;
  if (found !== 1) throw new Error(`${file} has ${found} times, and not once: ${text}`);
  return {
    name: 'rule-switched-off',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, (loaded) =>
        loaded.path === path ? { contents: source.replace(text, () => off), loader: 'ts' } : undefined,
      ),
  };
}

/** Loads the exports of the module `entry` in the realm of Node.js, for simulations that take minutes. */
export const outsideOfJest = async <Exports>(entry: string): Promise<Exports> =>
  loadOutsideOfJest(entry, await bundle(entry)) as Exports;

/** Loads a bundle of the module `entry` in the realm of Node.js. Modules of the bundle find `jestObject` as `jest`. */
export const loadOutsideOfJest = (entry: string, code: string, jestObject: object = SILENT_JEST): unknown =>
  load(entry, code, 'node', jestObject);

/** The code of the module `entry` with all its imports, except those of packages. */
export async function bundle(entry: string, plugins: Plugin[] = []): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [entry], bundle: true, write: false, platform: 'node', format: 'cjs', packages: 'external' },
    plugins,
  });
  return outputFiles[0]?.text ?? '';
}

const PARAMETERS = ['module', 'exports', 'require', 'jest'];
/** Jest has a `node:module` of its own, whose `require` loads modules into the test. */
const NODE_MODULE = (runInThisContext('process') as NodeJS.Process).getBuiltinModule('node:module');
/** Its mock functions record nothing. */
export const SILENT_JEST = { fn: () => () => undefined };
/** The line before the code of a bundle. */
export const PROLOGUE = `(function (${PARAMETERS.join(', ')}) {`;

function load(entry: string, code: string, realm: Realm, jestObject: object = SILENT_JEST): unknown {
  const module = { exports: {}, require: realm === 'node' ? NODE_MODULE.createRequire(entry) : createRequire(entry) };
  const run = (
    realm === 'node'
      ? runInThisContext(`${PROLOGUE}${code}\n})`, entry)
      : // oxlint-disable-next-line typescript/no-implied-eval -- the bundle that was built above
        new Function(...PARAMETERS, code)
  ) as (...args: readonly unknown[]) => void;
  run(module, module.exports, module.require, realm === 'node' ? jestObject : jest);
  return module.exports;
}

/** A rule that a simulated world of the profile needs. */
export interface NecessaryRule<Profile> extends SwitchedOff {
  readonly profile: Profile;
  readonly wrong: RegExp;
}

type World<Profile> = new (seed: number, profile: Profile) => { play(steps: number): Promise<readonly string[]> };

/**
 * Tests each rule: without it, at least one of the seeds' worlds must fail.
 *
 * @param world - the module that exports `SimulatedWorld`
 */
export function itFailsWithoutEach<Profile>(
  world: string,
  rules: Readonly<Record<string, NecessaryRule<Profile>>>,
  { steps, seeds, realm }: { readonly steps: number; readonly seeds: number; readonly realm?: Realm },
): void {
  it.each(Object.entries(rules))('the simulation fails without this rule: %s', async (_, rule) => {
    const { SimulatedWorld } = await withoutRule<{ SimulatedWorld: World<Profile> }>(world, rule, realm);
    const wrong: string[] = [];
    for (let seed = 1; seed <= seeds && !wrong.some((one) => rule.wrong.test(one)); seed++) {
      wrong.push(...(await new SimulatedWorld(seed, rule.profile).play(steps)));
    }
    expect(wrong.join('\n')).toMatch(rule.wrong);
  });
}

type Scenarios = Readonly<Record<string, () => Promise<readonly string[]>>>;

/** A rule without which its scenario ends otherwise. */
export type RuleOfScenario = SwitchedOff & { readonly wrong: RegExp };

/**
 * Tests each scenario: nothing is wrong with its rule, and something is without it.
 *
 * @param path - the module that exports `scenarios` as `SCENARIOS`
 */
export function itsScenarioFailsWithoutEach(
  path: string,
  scenarios: Scenarios,
  rules: Readonly<Record<string, RuleOfScenario>>,
): void {
  it.each(Object.entries(scenarios))('%s', async (_, scenario) => {
    expect(await scenario()).toEqual([]);
  });

  it.each(Object.entries(rules))('the scenario fails without its rule: %s', async (name, rule) => {
    const { SCENARIOS } = await withoutRule<{ SCENARIOS: Scenarios }>(path, rule, 'node');
    expect((await SCENARIOS[name]?.())?.join('\n')).toMatch(rule.wrong);
  });
}
