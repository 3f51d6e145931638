import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from '../../../local/folders';
import { ruleSwitchedOff, type SwitchedOff } from '../../builders/without-rule';
import type { ViolationKind } from '../checker';
import type { WriterRates } from '../processes/writer-options';

/** A run with one part that is known to be wrong. The judge must find it. */
export interface Control {
  readonly name: string;
  readonly title: string;
  /** Names of the faults that show it. */
  readonly faults: readonly string[];
  /** At least one of these must be found. */
  readonly expected: readonly ViolationKind[];
  readonly relay?: 'bare-kafkajs' | SwitchedOff;
  readonly consumer?: SwitchedOff;
  readonly rates?: Partial<WriterRates>;
  /** Records of an invocation, at most. */
  readonly batchSize?: number;
}

export const CONTROLS: readonly Control[] = [
  {
    name: 'bare-kafkajs',
    title: 'a relay that believes each resolved send of kafkajs, and uses a producer again after a failure',
    faults: ['broker-stopped', 'leaders-moved', 'slow-connections'],
    expected: ['lost'],
    relay: 'bare-kafkajs',
  },
  {
    name: 'reused-producer',
    title: 'a relay that uses a producer again after a failed send',
    faults: ['answers-lost'],
    expected: ['lost', 'wrong-receipt'],
    relay: {
      file: 'relay/publishing/producers.ts',
      text: `    void session.discard();
    if (session === this.#session) this.#session = undefined;
    this.#options.onRebuilt(cause);`,
      off: '    this.#options.onRebuilt(cause);',
    },
    // A broker takes records for repeated ones only if there are as many of them: mostly one, with one item at a time.
    batchSize: 1,
  },
  {
    name: 'no-skip-rule',
    title: 'a relay that publishes the later items of a held key',
    faults: ['limit-lowered', 'operator-commands'],
    expected: ['reordered'],
    relay: {
      file: 'relay/skip-rule.ts',
      text: "return hold === undefined ? { kind: 'publish' } : { kind: 'wait', hold };",
      off: "return { kind: 'publish' };",
    },
    rates: { misaddressed: 0.02 },
  },
  {
    name: 'high-water-mark',
    title: 'a consumer that takes each event below the last one of its key for a duplicate',
    faults: ['partitions-added'],
    expected: ['no-effect'],
    consumer: {
      file: 'consume/inbox.ts',
      text: "return below ? { kind: 'duplicate', below } : { kind: 'late' };",
      off: "return { kind: 'duplicate', below };",
    },
  },
];

/** Bundles the relay of a control into `folder`, which then is the code of the function. */
export async function bundleRelay(relay: NonNullable<Control['relay']>, folder: string): Promise<void> {
  const { BUNDLE_OPTIONS } = await import('../../../scripts/bundle.mjs');
  const isBare = relay === 'bare-kafkajs';
  await build({
    ...BUNDLE_OPTIONS,
    entryPoints: [isBare ? join(__dirname, 'bare-relay.ts') : join(ROOT, 'lambdas', 'relay', 'index.ts')],
    outfile: join(folder, 'index.js'),
    plugins: [...(BUNDLE_OPTIONS.plugins ?? []), ...(isBare ? [] : [ruleSwitchedOff(relay)])],
  });
}
