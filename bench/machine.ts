import { availableParallelism } from 'node:os';
import { kafkaVersion } from '../local/kafka/distribution-folder';

/** The machine and the versions on which a benchmark ran. */
export interface Machine {
  readonly cores: number;
  readonly node: string;
  readonly kafka: string;
}

export const machine = (): Machine => ({
  cores: availableParallelism(),
  node: process.versions.node,
  kafka: kafkaVersion(),
});
