import { resolve } from 'node:path';
import { itFailsWithoutEach, type NecessaryRule } from '../../../builders/without-rule';
import type { Profile } from './world';

const STEPS = 150;
/** At least one of these seeds must fail. `simulation.test.ts` shows that with all rules none fails. */
const SEEDS = 40;

const RULES: Readonly<Record<string, NecessaryRule<Profile>>> = {
  'a call to DynamoDB ends': {
    file: 'consume/concurrency-limit.ts',
    text: 'return await this.#observed(() => withinTime(call, time));',
    off: 'return await this.#observed(() => call(new AbortController().signal));',
    profile: { hangs: true },
    wrong: /not everything is read/,
  },
  "a service that refuses one handler's request is that key's failure": {
    file: 'consume/commit.ts',
    text: "(service === 'throttled' || service === 'unavailable');",
    off: 'service !== undefined;',
    profile: { aws: true },
    wrong: /a key stops its partition/,
  },
  "a table that is missing for one handler is that key's failure": {
    file: 'consume/commit.ts',
    text: "if (service === 'permanent' && actions === 0) {",
    off: 'if (actions >= 0) {',
    profile: { aws: true, steady: true },
    wrong: /a key stops its partition/,
  },
  'an event that a later version can read keeps its place': {
    file: 'consume/processor.ts',
    text: 'isUnreadable(content) && !isCurable(content.reason)',
    off: 'isUnreadable(content) && isCurable(content.reason)',
    profile: { unreadable: true },
    wrong: /torn out of the order of their keys/,
  },
  'more unreadable keys than allowed are not parked': {
    file: 'consume/unreadable-limit.ts',
    text: 'if (keys >= maxUnreadableKeys) {',
    off: 'if (keys < 0) {',
    profile: { unreadable: true },
    wrong: /keys are parked as unreadable/,
  },
  'an unreadable key is counted in the transaction that parks it': {
    file: 'consume/unapplied-messages.ts',
    text: 'envelope, row, why, [counting])',
    off: 'envelope, row, why, [counting].slice(1))',
    profile: { unreadable: true },
    wrong: /keys are parked as unreadable/,
  },
  'a row is replaced only as it was read': {
    file: 'consume/dynamodb/inbox.ts',
    text: "ConditionExpression: 'revision = :known',",
    off: '',
    profile: {},
    wrong: /applied twice|lost|out of order/,
  },
  'an event without a version is marked once': {
    file: 'consume/dynamodb/inbox.ts',
    text: 'markerSortKey(id)), expiresAt }, IS_NEW);',
    off: 'markerSortKey(id)), expiresAt });',
    profile: {},
    wrong: /applied twice/,
  },
  'an event of a parked key is parked behind it': {
    file: 'consume/apply-once.ts',
    text: 'if (row?.state.parked === true) return',
    off: 'if (row?.revision === -1) return',
    profile: { poison: true },
    wrong: /out of order/,
  },
  'what a handler emits is committed': {
    file: 'consume/handler-call.ts',
    text: 'return [...actions, ...(await emission.entries())];',
    off: 'return actions;',
    profile: { emits: true },
    wrong: /emitted not once/,
  },
  'two handlers that emit for one key share no transaction': {
    file: 'consume/group-commit.ts',
    text: 'items.has(item) || this.#busy.has(item)',
    off: 'items.size < item.length * -1',
    // One transaction at a time makes units wait, so that they are grouped.
    profile: { emits: true, options: { transactions: 1 } },
    wrong: /two outbox items of one key/,
  },
  'events without a version sort behind those of the effect before': {
    file: 'consume/committed-at.ts',
    text: '? last + 1 : now;',
    off: '? now : now;',
    profile: { emits: true },
    wrong: /emitted out of order/,
  },
  'after a rebalance a partition goes back to its lowest unfinished message': {
    file: 'consume/kafkajs/partitions.ts',
    text: 'if (unfinished === undefined || first <= unfinished) return false;',
    off: 'if (unfinished !== -1n) return false;',
    profile: {},
    wrong: /is owed|lost/,
  },
};

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'], now: Date.UTC(2026, 0, 2) }));
afterEach(() => jest.useRealTimers());

itFailsWithoutEach(resolve(__dirname, 'world.ts'), RULES, { steps: STEPS, seeds: SEEDS });
