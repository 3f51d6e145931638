import { join } from 'node:path';
import { build as bundle, type Plugin } from 'esbuild';
import { ROOT } from '../local/folders';
import { bundleBaseline } from './baseline';

/** The files that child processes run. */
export type ChildBundles = Pick<Bundles, 'child'>;

/** The files that the measured processes run. */
export interface Bundles {
  /** The relay as it is deployed. */
  readonly relay: string;
  readonly relayBytes: number;
  /** The relay without its marks. */
  readonly relayWithoutMarks: string;
  /** The relay of an earlier commit, if the history has it. */
  readonly baseline?: string;
  readonly child: (name: ChildName) => string;
}

const CHILDREN = ['ceiling', 'handler', 'init', 'dynamodb-stub', 'consumer', 'latency'] as const;
export type ChildName = (typeof CHILDREN)[number];

/** Keeps the composition root and replaces the module that writes marks. */
const withoutMarks: Plugin = {
  name: 'without-marks',
  setup: (build) => {
    build.onResolve({ filter: /^\.\/marks$/ }, () => ({ path: join(__dirname, 'without-marks.ts') }));
  },
};

/** Bundles everything into `folder`, the relay by the project's own bundler. */
export async function makeBundles(folder: string): Promise<Bundles> {
  const { bundleLambdas, BUNDLE_OPTIONS } = await import('../scripts/bundle.mjs');
  const relayWithoutMarks = join(folder, 'relay-without-marks.js');
  const [lambdas, , children, baseline] = await Promise.all([
    bundleLambdas({ to: join(folder, 'lambdas') }),
    bundle({
      ...BUNDLE_OPTIONS,
      entryPoints: [join(ROOT, 'lambdas', 'relay', 'index.ts')],
      outfile: relayWithoutMarks,
      plugins: [withoutMarks],
    }),
    bundleChildren(folder),
    bundleBaseline(folder),
  ]);
  const relay = lambdas.find(({ name }) => name === 'relay');
  if (relay === undefined) throw new Error('There is no Lambda function "relay" to measure.');
  return {
    relay: join(relay.directory, 'index.js'),
    relayBytes: relay.bytes,
    relayWithoutMarks,
    baseline,
    ...children,
  };
}

/** Bundles the children, so that no TypeScript loader is measured. */
export async function bundleChildren(folder: string): Promise<ChildBundles> {
  const { BUNDLE_OPTIONS } = await import('../scripts/bundle.mjs');
  await bundle({
    ...BUNDLE_OPTIONS,
    entryPoints: CHILDREN.map((name) => join(__dirname, 'children', `${name}.ts`)),
    outdir: folder,
  });
  return { child: (name) => join(folder, `${name}.js`) };
}
