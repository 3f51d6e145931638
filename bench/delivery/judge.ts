import { judgeHistory } from '../../test/chaos/checker';
import type { Commit, Delivery } from '../../test/chaos/history';
import type { LoadEvent } from './load';

/** The result of the history checker for one run. */
export interface Verdict {
  readonly committed: number;
  readonly delivered: number;
  readonly lost: number;
  readonly invented: number;
  /** Events whose first delivery follows that of a later event of their key. */
  readonly overtaken: number;
  /** Further deliveries of events that were delivered before. */
  readonly duplicates: number;
}

const POSITION_DIGITS = 12;

export const commitOf = ({ id, key, version, topic }: Omit<LoadEvent, 'data'>, at: number): Commit => ({
  kind: 'commit',
  at,
  key: `order#${key}`,
  position: String(version).padStart(POSITION_DIGITS, '0'),
  events: [{ id, topic }],
});

/** Judges with the history checker of the chaos tests. The benchmarks judge copies themselves, by their number. */
export function judge(commits: readonly Commit[], deliveries: readonly Delivery[]): Verdict {
  const settings = { kind: 'settings', retentionSeconds: 0, maxCopies: Infinity, afterFaultMs: Infinity } as const;
  const { committed, delivered, duplicates, violations } = judgeHistory([settings, ...commits, ...deliveries]);
  const count = (kind: (typeof violations)[number]['kind']): number =>
    violations.filter((violation) => violation.kind === kind).length;
  return {
    committed,
    delivered,
    lost: count('lost'),
    invented: count('invented'),
    overtaken: count('reordered'),
    duplicates: Object.values(duplicates).reduce((sum, copies) => sum + copies, 0),
  };
}
