import { COMPRESSIONS, type Compression } from '../lib/relay/environment';

/** What is measured: kafkajs alone, the relay with marks taken out of it, and the relay. */
export const SUBJECTS = ['ceiling', 'without-marks', 'with-marks'] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Scenario {
  readonly subject: Subject;
  readonly compression: Compression;
}

const MEASURED_COMPRESSIONS: readonly Compression[] = COMPRESSIONS.filter((name) => name !== 'gzip');

/** In the order of a round: what is compared runs next to each other, so that it meets the same load of the machine. */
export const SCENARIOS: readonly Scenario[] = MEASURED_COMPRESSIONS.flatMap((compression) =>
  SUBJECTS.map((subject) => ({ subject, compression })),
);

export const DESCRIPTIONS: Readonly<Record<Subject, string>> = {
  ceiling: 'kafkajs `sendBatch` alone',
  'without-marks': 'relay without marks',
  'with-marks': 'relay',
};
