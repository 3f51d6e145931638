import type { EventApplier } from './apply-once';
import type { ApplyPorts } from './attempt';
import type { CircuitBreaker } from './circuit-breaker';
import type { EventEnvelope } from './decode';
import type { DeadLetters } from './ports';
import type { ConsumedRecord } from './record';
import type { Semaphore } from './semaphore';
import type { ConsumerSettings } from './settings';
import type { UnreadableLimit } from './unreadable-limit';
import type { WhenBlocked } from './delays';

export interface InFlightMessage {
  readonly record: ConsumedRecord;
  /** Limits how many keys of the partition are in flight. */
  readonly semaphore: Semaphore;
  /** Aborted when the consumer does not need the message any more. */
  readonly signal: AbortSignal;
  /** The message is settled, so its offset may be committed. */
  readonly finished: () => void;
}

export interface InFlightEvent extends InFlightMessage {
  readonly envelope: EventEnvelope;
}

/** The end of a message. `unsettled`: it is not finished, and no later message of its key may be applied before it. */
export type Outcome = 'applied' | 'duplicate' | 'ignored' | 'dead-lettered' | 'parked' | 'unsettled';

export interface ProcessorPorts extends ApplyPorts {
  readonly deadLetters: DeadLetters;
  readonly circuitBreaker: CircuitBreaker;
  readonly unreadableLimit: UnreadableLimit;
}

/** The parts that the steps of a processor share. */
export interface Processing {
  readonly settings: ConsumerSettings;
  readonly ports: ProcessorPorts;
  readonly whenBlocked: WhenBlocked;
  readonly applier: EventApplier;
}

/** Runs an attempt when the partition has room for another key and the circuit breaker allows it. */
export const attemptInTurn = <T>(
  { semaphore, signal }: InFlightMessage,
  { settings: { telemetry }, ports: { circuitBreaker }, whenBlocked }: Processing,
  attempt: () => Promise<T>,
): Promise<T> => semaphore.use(() => circuitBreaker.run({ whenBlocked, signal, telemetry }, attempt));
