import { resolve } from 'node:path';
import { itsScenarioFailsWithoutEach, type RuleOfScenario } from '../../builders/without-rule';
import { SCENARIOS } from './rule-scenarios';

/**
 * Rules that the simulation does not need, because another rule repairs or hides their absence, or because it asserts
 * no cost. Each has a scenario in which nothing else does.
 */
const RULES: Readonly<Record<keyof typeof SCENARIOS, RuleOfScenario>> = {
  // An older record is looked up in the table, which also shows that its item is discarded.
  'a discarded item is not published': {
    file: 'relay/skip-rule.ts',
    text: "if (tombstones.has(item.identity)) return { kind: 'done' };",
    off: '',
    wrong: /published/,
  },
  // Order does not need it: a round begins with the first open item of a key, and a failed partition gets no more sends.
  'an invocation ends after its keys have failed': {
    file: 'relay/skip-rule.ts',
    text: "if (decision.kind === 'publish') return !blocked.has(item.pk);",
    off: "if (decision.kind === 'publish') return true;",
    wrong: /goes on until its time is short/,
  },
  'a key that cannot be read waits': {
    file: 'relay/skip-rule.ts',
    text: "if (decision.kind === 'publish') return !blocked.has(item.pk);",
    off: "if (decision.kind === 'publish') return true;",
    wrong: /published: .*id-order-a-1/,
  },
  // While the sweeper runs, it suspects the gap after 12 hours, and the relay then looks up each key.
  'the item before a late record is looked up': {
    file: 'relay/triage.ts',
    text: "return (ageMs ?? 0) > invocation.options.lateAfterMs ? 'late' : undefined;",
    off: 'return ageMs === -1 ? "late" : undefined;',
    wrong: /published: id-order-a-2$/,
  },
  // The sweeper finds the item, and a drain publishes it again and marks it.
  'an acknowledged item is marked when its record comes again': {
    file: 'relay/skip-rule.ts',
    text: "if (decision.kind === 'mark') marks.add([[item, item.content, decision.receipts]]);",
    off: '',
    wrong: /0 items are marked/,
  },
  // Delivery is at least once: the simulation limits copies only while marks succeed.
  'an acknowledged item is not published again': {
    file: 'relay/skip-rule.ts',
    text: "if (known?.unmarked !== undefined && isSameInsert) return { kind: 'mark', receipts: known.unmarked };",
    off: '',
    wrong: /published/,
  },
  // The lookup finds the mark as well.
  'an item that is marked costs no read': {
    file: 'relay/skip-rule.ts',
    text: "if (isMarked && known.sequence === item.sequence && !item.isHead) return { kind: 'done' };",
    off: '',
    wrong: /1 positions are read/,
  },
  'an item that is written again under its old id is published': {
    file: 'relay/skip-rule.ts',
    text: 'const isSameInsert = known?.sequence === undefined || known.sequence === item.sequence || item.isHead;',
    off: 'const isSameInsert = true;',
    wrong: /published 1 times/,
  },
  'an item whose record is in a batch twice is sent once': {
    file: 'relay/plan-round.ts',
    text: 'if (identities.has(item.identity)) continue;',
    off: '',
    wrong: /published 2 times/,
  },
  'a refused item waits for the events before it': {
    file: 'relay/plan-round.ts',
    text: 'if (!targets.has(item.pk)) refused.push({ item, failure, partition });',
    off: 'refused.push({ item, failure, partition });',
    wrong: /parked before/,
  },
  'many refusals are an outage': {
    file: 'relay/park-limits.ts',
    text: 'return recent >= BREAKER.maxHolds ? recent : undefined;',
    off: 'return undefined;',
    wrong: /keys are parked/,
  },
  'the first unsettled record is delivered again': {
    file: 'relay/relay.ts',
    text: 'Math.min(...unsettled.map(({ index }) => index))',
    off: 'Math.max(...unsettled.map(({ index }) => index))',
    wrong: /delivered again from 1/,
  },
};

itsScenarioFailsWithoutEach(resolve(__dirname, 'rule-scenarios.ts'), SCENARIOS, RULES);
