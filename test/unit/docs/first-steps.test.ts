import { readFileSync } from 'node:fs';
import { HOLD_REASONS } from '../../../lib/event/control';
import { FIRST_STEPS } from '../../../lib/operate/explain/diagnosis';

/** Words by which a step names its remedy. */
const REMEDIES = [
  'topics',
  'max.message.bytes',
  'skip',
  'relayMemorySize',
  'typo',
  'wait',
  '#an-item-is-gone',
  '#fix-a-parked-item',
];

const rows = new Map(
  [...readFileSync('docs/operations.md', 'utf8').matchAll(/^ *\| `([a-z-]+)` +\|(.*)$/gm)].map(
    ([, reason = '', text = '']) => [reason, text.replace('see below', '')],
  ),
);

test.each(HOLD_REASONS)('explain and docs/operations.md advise the same for %s', (reason) => {
  const row = rows.get(reason) ?? '';
  const step = FIRST_STEPS[reason];
  expect(row).not.toBe('');
  const ofStep = REMEDIES.filter((remedy) => step.toLowerCase().includes(remedy.toLowerCase()));
  expect(ofStep.filter((remedy) => !row.toLowerCase().includes(remedy.toLowerCase()))).toEqual(
    reason === 'unknown-topic' ? ['#fix-a-parked-item'] : [],
  );
  expect(ofStep.length).toBeGreaterThan(0);
});
