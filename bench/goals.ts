import type { ConsumerReport, SubjectFigures } from './consumer-report';
import type { BenchReport, ScenarioFigures } from './report';

export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

const RATIO = { 'without-marks': 0.85, 'with-marks': 0.35 } as const;
/** Ten times what one DynamoDB partition can write. */
const EVENTS_PER_SECOND = 3_300;
const PEAK_RSS_MB = 256;
const BUNDLE_KB = 1_000;
const INIT_MS = 300;

/** Goals are judged and printed, never enforced: the figures depend on the machine and on who else uses it. */
export const ratioGoal = ({ subject, ratio }: ScenarioFigures): Goal | undefined =>
  subject === 'ceiling' ? undefined : { text: `≥ ${RATIO[subject].toFixed(2)}`, met: ratio >= RATIO[subject] };

export const speedGoal = ({ subject, eventsPerSecond }: ScenarioFigures): Goal | undefined =>
  subject === 'with-marks' ? { text: '≥ 3,300', met: eventsPerSecond >= EVENTS_PER_SECOND } : undefined;

export const memoryGoal = ({ subject, peakRssMb }: ScenarioFigures): Goal | undefined =>
  subject === 'with-marks' ? { text: `< ${PEAK_RSS_MB}`, met: peakRssMb < PEAK_RSS_MB } : undefined;

export const bundleGoal = ({ bundleKb }: BenchReport): Goal => ({ text: '< 1,000', met: bundleKb < BUNDLE_KB });

export const initGoal = ({ initMs }: BenchReport): Goal => ({ text: `< ${INIT_MS}`, met: initMs < INIT_MS });

/** What effects once may cost in effects a second, against a consumer that does not care. */
const INBOX_RATIO = 0.5;
/** With 25 events to a transaction there is much to gain; the rest of the work stays. */
const GROUP_GAIN = 1.5;
const SLOW_KEY_RATIO = 2;

export const inboxGoal = ({ subject, ratio }: SubjectFigures): Goal | undefined =>
  subject !== 'bare' ? { text: `≥ ${INBOX_RATIO.toFixed(2)}`, met: ratio >= INBOX_RATIO } : undefined;

export const groupGoal = ({ groupGain }: ConsumerReport): Goal => ({
  text: `≥ ${GROUP_GAIN.toFixed(2)}`,
  met: groupGain >= GROUP_GAIN,
});

export const slowKeyGoal = ({ slowKey: { ratio } }: ConsumerReport): Goal => ({
  text: `≤ ${SLOW_KEY_RATIO.toFixed(2)}`,
  met: ratio <= SLOW_KEY_RATIO,
});
