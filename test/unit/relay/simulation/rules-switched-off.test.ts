import { resolve } from 'node:path';
import { itFailsWithoutEach, type NecessaryRule } from '../../../builders/without-rule';
import type { Profile } from './world';

const STEPS = 700;
/** At least one of these seeds must fail. `simulation.test.ts` shows that with all rules none fails. */
const SEEDS = 200;

const RULES: Readonly<Record<string, NecessaryRule<Profile>>> = {
  'keys of a partition that alone accepts no writes are held': {
    file: 'relay/partition-outages.ts',
    text: 'if (waitingMs < this.#options.partitionPatienceMs || seenMs < SEEN_FAILING_MS) return undefined;',
    off: 'return undefined;',
    profile: { partitions: true, grows: true, zombies: true, topics: true, oneUnavailable: true },
    wrong: /stops the shard/,
  },
  'an item that waits for 12 hours is presumed lost': {
    file: 'sweep/sweep.ts',
    text: 'since <= presumed)',
    off: 'since < 0)',
    profile: { trims: true, quietDays: true },
    wrong: /overtook/,
  },
  'while a gap is suspected, keys are looked up': {
    file: 'relay/triage.ts',
    text: "if (isGapSuspected(invocation)) return 'gap-suspected';",
    off: '',
    profile: { trims: true, quietDays: true },
    wrong: /overtook/,
  },
  'an open item before a record is published first': {
    file: 'relay/table-lookup.ts',
    text: "return previous.state === 'discarded' ? 'unknown' : 'open';",
    off: "return 'done';",
    profile: { trims: true, quietDays: true },
    wrong: /overtook/,
  },
  'a probe proves a loss in a later run than its own': {
    file: 'sweep/gap-search.ts',
    text: 'this.#probes ??= await this.#store.readProbes();',
    off: 'this.#probes ??= [];',
    profile: { newStreams: true },
    wrong: /the gap suspicion does not end/,
  },
  'a probe proves that an item is lost': {
    file: 'sweep/sweep.ts',
    text: 'if (this.#gap.isProven) await this.#suspectGap();',
    off: 'await this.#suspectGap();',
    profile: { topics: true },
    wrong: /a loss is proved that did not happen/,
  },
  'an item behind a hold proves nothing': {
    file: 'sweep/gap-search.ts',
    text: '!isHeld(holds.get(witness.pk), witness.sk)',
    off: 'holds.size >= 0',
    profile: { topics: true, sandboxes: 5 },
    wrong: /a loss is proved that did not happen/,
  },
  'a suspected gap remains while an item from before it is open': {
    file: 'sweep/sweep.ts',
    text: '(progress.uncoveredSince === undefined || progress.uncoveredSince >= gapSuspectedSince + GAP_MARGIN_MS)',
    off: 'progress.startedAt > 0',
    profile: { trims: true, quietDays: true },
    wrong: /overtook/,
  },
  'records that another instance may have published are looked up': {
    file: 'relay/triage.ts',
    text: 'return (streamAgeMs(item, now) ?? -1) >= lookUpAfterMs(now, control.retriedAt, memory.askedAgainAt);',
    off: 'return false;',
    profile: { topics: true, sandboxes: 5 },
    wrong: /was published 4 times/,
  },
  'a partition that accepts writes again releases its keys': {
    file: 'relay/partition-outages.ts',
    text: 'if (this.#acked.has(partition.name)) await this.#release(partition);',
    off: 'if (this.#acked.has(partition.name)) continue;',
    profile: { partitions: true, oneUnavailable: true, comesBack: 'busy' },
    wrong: /is not released/,
  },
  'a running relay probes the partitions that keys are held for': {
    file: 'relay/partition-outages.ts',
    text: 'else await this.#probe(partition);',
    off: '',
    profile: { partitions: true, oneUnavailable: true, comesBack: 'busy' },
    wrong: /is not released/,
  },
  'a schedule probes them on a table without writes': {
    file: 'sweep/probe-partitions.ts',
    text: 'if (hold === undefined || !isProbeDue(partition, at)) continue;',
    off: 'if (hold !== undefined) continue;',
    profile: { partitions: true, oneUnavailable: true, comesBack: 'quiet' },
    wrong: /is not released/,
  },
  'the number of held keys is limited': {
    file: 'relay/partition-outages.ts',
    text: 'return this.#options.maxPartitionHolds - held;',
    off: 'return Infinity;',
    profile: { partitions: true, maxHolds: 1 },
    wrong: /keys are held for partitions/,
  },
  'a relay that does not own the table publishes nothing': {
    file: 'relay/relay.ts',
    text: 'if (refusal !== undefined) {',
    off: 'if (refusal === "") {',
    profile: { foreign: true, topics: true },
    wrong: /a relay of another outbox publishes/,
  },
  'an item that is gone was published': {
    file: 'relay/skip-rule.ts',
    text: 'if (stored === undefined) return true;',
    off: 'if (stored === undefined) return false;',
    profile: { topics: true, sandboxes: 5, retention: 0 },
    wrong: /was published \d+ times/,
  },
  'a request for a part of a batch is noted': {
    file: 'relay/triage.ts',
    text: 'if (Math.abs(now - retriedAt) < RETRY_MS) return -Infinity;',
    off: '',
    profile: { topics: true, several: true, sandboxes: 5, fast: true },
    wrong: /was published \d+ times/,
  },
  'the receipts of first events are noted': {
    file: 'relay/mark-queue.ts',
    text: 'const failures = await ports.items.noteReceipts?.(marks, this.#invocation.timeForMarksMs);',
    off: 'const failures = new Map();',
    profile: { topics: true, several: true, sandboxes: 5 },
    wrong: /was published \d+ times/,
  },
  'a record continues after the noted receipts': {
    file: 'relay/table-lookup.ts',
    text: 'if (store.noteReceipts !== undefined && isSameItem(item, found)) resume(item, found?.receipts);',
    off: '',
    profile: { topics: true, several: true, sandboxes: 5 },
    wrong: /was published \d+ times/,
  },
  'a drain continues after the noted receipts': {
    file: 'relay/batch-item.ts',
    text: 'if (goesOn) resume(item, receipts);',
    off: '',
    profile: { topics: true, several: true, sandboxes: 5 },
    wrong: /was published \d+ times/,
  },
  'an unread item is not treated as absent': {
    file: 'relay/table-lookup.ts',
    text: 'if (invocation.isBlocked(item.pk)) continue;',
    off: '',
    profile: { topics: true },
    wrong: /overtook/,
  },
  'a key is held on evidence that other partitions accept writes': {
    file: 'relay/partition-outages.ts',
    text: 'if (!(await this.#othersWork(partition, name))) return undefined;',
    off: '',
    profile: { partitions: true, allUnavailable: true },
    wrong: /held in a general outage/,
  },
  'a key whose parked item was deleted by hand is not released': {
    file: 'relay/drain.ts',
    text: 'if (isHeldItem(item, stored) || headSeen === true) return false;',
    off: 'return false;',
    profile: { deletes: true },
    wrong: /is lost/,
  },
  'strict order looks up the version before': {
    file: 'relay/predecessors.ts',
    text: 'if (predecessors.length === 0) return awaited;',
    off: 'return awaited;',
    profile: { overtaking: true },
    wrong: /overtook/,
  },
  'strict order waits for a transaction that is not finished': {
    file: 'relay/predecessors.ts',
    text: 'transacted.unfinished.has(position) ||',
    off: '',
    profile: { overtaking: true },
    wrong: /overtook/,
  },
};

itFailsWithoutEach(resolve(__dirname, 'world.ts'), RULES, {
  steps: STEPS,
  seeds: SEEDS,
  timeoutMs: 60_000,
  realm: 'node',
});
