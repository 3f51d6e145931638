import { resolve } from 'node:path';
import { itsScenarioFailsWithoutEach, type RuleOfScenario } from '../../builders/without-rule';
import { SCENARIOS } from './rule-scenarios';

/** Rules of the inbox that the simulation does not switch off: these scenarios take milliseconds. */
const RULES: Readonly<Record<keyof typeof SCENARIOS, RuleOfScenario>> = {
  'an event that was never applied is applied late': {
    file: 'consume/inbox.ts',
    text: "return below ? { kind: 'duplicate', below } : { kind: 'late' };",
    off: "return { kind: 'duplicate', below };",
    wrong: /handled: [^,]*,[^,]*$/,
  },
  'an event that is delivered again is a duplicate': {
    file: 'consume/inbox.ts',
    text: "if (window.some((each) => same(each, event))) return { kind: 'duplicate', below: false };",
    off: '',
    wrong: /0001\.0000 4 times/,
  },
  'an event below the newest sixteen of its key is a duplicate': {
    file: 'consume/inbox.ts',
    text: 'const below = window.length >= WINDOW_SIZE && lowest !== undefined && event.sequence < lowest.sequence;',
    off: 'const below = lowest === undefined;',
    wrong: /0001\.0000 4 times/,
  },
  'an event that was dead-lettered can still be applied': {
    file: 'consume/inbox.ts',
    text: "if (isUnapplied({ unapplied }, event)) return { kind: 'late' };",
    off: '',
    wrong: /20 events are handled/,
  },
  'a replay is ignored': {
    file: 'consume/message-content.ts',
    text: "if (envelope.replayId !== undefined && onReplay === 'ignore') {",
    off: "if (envelope.replayId === '') {",
    wrong: /4 times/,
  },
  'two aggregates of one source and key have an inbox each': {
    file: 'consume/inbox-keys.ts',
    text: "const ofAggregate = aggregate === undefined ? '' : `|${escaped(aggregate)}`;",
    off: "const ofAggregate = '';",
    wrong: /1 events count as late/,
  },
  'an offset is committed if every earlier message is finished': {
    file: 'consume/offsets.ts',
    text: 'const lowest = this.#entries.findIndex(({ finished }) => !finished);',
    off: 'const lowest = -1;',
    wrong: /4 may be committed/,
  },
};

itsScenarioFailsWithoutEach(resolve(__dirname, 'rule-scenarios.ts'), SCENARIOS, RULES);
