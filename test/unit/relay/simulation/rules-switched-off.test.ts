import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import type { Profile, SimulatedWorld } from './world';

type World = new (seed: number, profile: Profile) => Pick<SimulatedWorld, 'play'>;

interface Rule {
  readonly file: string;
  /** The text of the rule, which must stand in the file exactly once. */
  readonly text: string;
  readonly off: string;
  readonly profile: Profile;
  /** A seed that fails without the rule, and not with it. */
  readonly seed: number;
  readonly wrong: RegExp;
}

const STEPS = 700;
const LIB = resolve(__dirname, '../../../../lib');

const RULES: Readonly<Record<string, Rule>> = {
  'keys of a partition that alone takes no writes are held': {
    file: 'relay/partition-outages.ts',
    text: 'if (waitingMs < this.#options.partitionPatienceMs || seenMs < SEEN_FAILING_MS) return undefined;',
    off: 'return undefined;',
    profile: { partitions: true, grows: true, zombies: true, topics: true, oneAway: true },
    seed: 2,
    wrong: /stops the shard/,
  },
  'what waits for 12 hours is presumed lost': {
    file: 'sweep/sweep.ts',
    text: 'since <= presumed)',
    off: 'since < 0)',
    profile: { trims: true, quietDays: true },
    seed: 3,
    wrong: /overtook/,
  },
  'while a gap is suspected, keys are looked up': {
    file: 'relay/triage.ts',
    text: "if (this.#gapSuspected) return 'doubt';",
    off: '',
    profile: { trims: true, quietDays: true },
    seed: 4,
    wrong: /overtook/,
  },
  'an open item before a record is published first': {
    file: 'relay/triage.ts',
    text: "return previous.state === 'discarded' ? 'unknown' : 'behind';",
    off: "return 'plain';",
    profile: { trims: true, quietDays: true },
    seed: 4,
    wrong: /overtook/,
  },
  'strict order looks up the version before': {
    file: 'relay/predecessors.ts',
    text: 'if (asked.length === 0) return awaited;',
    off: 'return awaited;',
    profile: { overtaking: true },
    seed: 2,
    wrong: /overtook/,
  },
  'strict order waits for a transaction that is not finished': {
    file: 'relay/predecessors.ts',
    text: 'transacted.unfinished.has(position) ||',
    off: '',
    profile: { overtaking: true },
    seed: 13,
    wrong: /overtook/,
  },
};

/** The simulated world around the real code, in which the rule is switched off. */
async function worldWithout({ file, text, off }: Pick<Rule, 'file' | 'text' | 'off'>): Promise<World> {
  const path = resolve(LIB, file);
  const source = readFileSync(path, 'utf8');
  expect(source.split(text)).toHaveLength(2);
  const { outputFiles } = await build({
    entryPoints: [resolve(__dirname, 'world.ts')],
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
  const module = { exports: {} as { SimulatedWorld: World } };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the bundle that was built above
  const run = new Function('module', 'exports', 'require', 'jest', outputFiles[0]?.text ?? '') as (
    ...args: readonly unknown[]
  ) => void;
  run(module, module.exports, createRequire(__filename), jest);
  return module.exports.SimulatedWorld;
}

it.each(Object.entries(RULES))('the simulation fails without this rule: %s', async (_, rule) => {
  const World = await worldWithout(rule);
  expect((await new World(rule.seed, rule.profile).play(STEPS)).join('\n')).toMatch(rule.wrong);
});

it.each(Object.entries(RULES))('and with it the same seed is clean: %s', async (_, rule) => {
  const World = await worldWithout({ ...rule, off: rule.text });
  expect(await new World(rule.seed, rule.profile).play(STEPS)).toEqual([]);
});
