import { COMPRESSIONS, type Compression } from '../lib/relay/environment';

/** The measured programs: kafkajs alone, the relay without its marks, and the relay. */
export const SUBJECTS = [
  'ceiling',
  'without-marks',
  'with-marks',
  'baseline',
  'catching-up',
  'baseline-catching-up',
] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Scenario {
  readonly subject: Subject;
  readonly compression: Compression;
}

const MEASURED_COMPRESSIONS: readonly Compression[] = COMPRESSIONS.filter((name) => name !== 'gzip');

/** In the order of a round. Scenarios to compare run one after the other, so that the machine has the same load. */
export const SCENARIOS: readonly Scenario[] = MEASURED_COMPRESSIONS.flatMap((compression) =>
  SUBJECTS.map((subject) => ({ subject, compression })),
);

export const DESCRIPTIONS: Readonly<Record<Subject, string>> = {
  ceiling: 'kafkajs `sendBatch` alone',
  'without-marks': 'relay without marks',
  'with-marks': 'relay',
  baseline: 'relay before (1a489bb)',
  'catching-up': 'relay, catching up',
  'baseline-catching-up': 'relay before, catching up',
};

export const isBaseline = (subject: Subject): boolean => subject.startsWith('baseline');
export const isMarking = (subject: Subject): boolean => subject !== 'ceiling' && subject !== 'without-marks';

/** Records of an outage's backlog are older than those that a relay publishes without a look-up in the table. */
export const recordAgeMs = (subject: Subject): number => (subject.endsWith('catching-up') ? 60_000 : 0);
