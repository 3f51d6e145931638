import { Acknowledged } from './acknowledged';
import { PartitionHealth } from './partition-health';

/** What a process of the relay remembers from one invocation to the next. All of it may be forgotten at any time. */
export class ProcessMemory {
  readonly acknowledged = new Acknowledged();
  readonly partitions = new PartitionHealth();
  /** Whether the last send had an acknowledgement; `false` too before the first one. */
  brokersAnswer = false;
  /** Epoch milliseconds at which an invocation last asked for delivery again. */
  askedAgainAt = -Infinity;
}
