import type { Control, Hold } from '../event/control';
import type { TopicPartition } from '../event/topic-partition';
import type { BatchItem } from './batch-item';
import { concernsOneKey } from './key-failure';
import type { RelayOptions } from './options';
import { PartitionOutages } from './partition-outages';
import type { Outage, RelayPorts } from './ports';
import type { ProcessMemory } from './process-memory';

/** The control partition as an invocation knows it: read at its start, updated by the invocation's own writes. */
export interface KnownControl extends Omit<Control, 'holds' | 'tombstones'> {
  readonly holds: Map<string, Hold>;
  readonly tombstones: Set<string>;
}

/** Why a key stopped for the rest of the invocation. */
export interface BlockedKey {
  readonly message: string;
  /** Its first item that was not sent, and the unavailable partition if that was the reason. */
  readonly item?: BatchItem;
  readonly partition?: TopicPartition;
}

type Failed = Pick<Outage, 'message' | 'cause'>;

/** Time that an invocation needs after its last mark, to return its result. */
const RETURN_MS = 1_000;

/** The state that the steps of one invocation share. After a stop nothing is sent; open items are delivered again. */
export class Invocation {
  readonly ports: RelayPorts;
  readonly options: RelayOptions;
  readonly memory: ProcessMemory;
  readonly control: KnownControl;
  readonly partitions: PartitionOutages;
  /** Whether the process may have died on this batch before: each attempt on an item is counted before it begins. */
  readonly mayHaveCrashed: boolean;
  /** Keys that were held when the invocation began; a drain removes their holds from `control`. */
  readonly heldBefore: ReadonlySet<string>;
  readonly blocked = new Map<string, BlockedKey>();
  readonly #remainingMs: () => number;
  #stopped = false;

  constructor(
    ports: RelayPorts,
    options: RelayOptions,
    memory: ProcessMemory,
    control: Control,
    remainingMs: () => number,
    mayHaveCrashed: boolean,
  ) {
    this.ports = ports;
    this.options = options;
    this.memory = memory;
    this.control = { ...control, holds: new Map(control.holds), tombstones: new Set(control.tombstones) };
    this.partitions = new PartitionOutages(ports, options, memory.partitions, control.holds);
    this.mayHaveCrashed = mayHaveCrashed;
    this.heldBefore = new Set(control.holds.keys());
    this.#remainingMs = remainingMs;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get hasTimeForRound(): boolean {
    return !this.#stopped && this.hasTimeToSend;
  }

  /** Whether there is time to send a round that is planned. Also applies after a stop. */
  get hasTimeToSend(): boolean {
    return this.#remainingMs() >= this.options.minRoundMs;
  }

  /** Whether there is time to write a hold. Also applies after a stop. */
  get hasTimeToHold(): boolean {
    return this.#remainingMs() >= this.options.minParkMs;
  }

  get timeForMarksMs(): number {
    return Math.max(0, this.#remainingMs() - RETURN_MS);
  }

  /** @param failure - left out if it is already reported */
  stop(failure?: Failed): void {
    this.#stopped = true;
    if (failure !== undefined) this.ports.telemetry.outage(failure);
  }

  /** Ends the invocation for one key. If the failed call may concern other keys too, stops the whole invocation. */
  failKey(pk: string, failure: Failed): void {
    if (!concernsOneKey(failure.cause)) {
      this.stop(failure);
      return;
    }
    this.block(pk, failure);
    this.ports.telemetry.keyFailed(pk, failure);
  }

  /** The relay sends nothing more of the key in this invocation: a later event must not overtake this one. */
  block(pk: string, { message, item, partition }: BlockedKey): void {
    if (!this.blocked.has(pk)) this.blocked.set(pk, { message, item, partition });
  }

  isBlocked(pk: string): boolean {
    return this.blocked.has(pk);
  }
}
