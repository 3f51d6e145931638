import { type Hold, isProbeDue, probedHold, unavailablePartitions, type UnavailablePartition } from '../event/control';
import { partitionName, type AwaitedPartition, type TopicPartition } from '../event/topic-partition';
import { newSignal } from '../event/signal';
import { forEachKey } from '../timing/for-each';
import type { RelayOptions } from './options';
import type { PartitionHealth } from './process-memory';
import type { Outage, RelayPorts } from './ports';

/**
 * How long the process must have seen a partition fail while others work. Leaders move within seconds, and after an
 * outage of everything partitions come back one after the other: neither is an outage of a partition.
 */
const SEEN_ALONE_MS = 15_000;
/** Signals that one invocation sends when a partition recovers; the relays that act on them send the rest. */
const RELEASES_AT_ONCE = 250;

/**
 * The partitions that accept no writes while others do, within one invocation. A partition is *declared* by the holds
 * that wait for it: these are the only stored state.
 */
export class PartitionOutages {
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  readonly #health: PartitionHealth;
  readonly #declared: ReadonlyMap<string, UnavailablePartition>;
  readonly #failed = new Map<string, Outage>();
  readonly #acked = new Set<string>();
  readonly #inSync = new Map<string, Promise<boolean>>();

  constructor(ports: RelayPorts, options: RelayOptions, health: PartitionHealth, holds: ReadonlyMap<string, Hold>) {
    this.#ports = ports;
    this.#options = options;
    this.#health = health;
    this.#declared = unavailablePartitions(holds.values());
  }

  /** Whether any partition must be left alone; if not, callers need not check each one. */
  get any(): boolean {
    return this.#failed.size > 0 || this.#declared.size > 0;
  }

  /** Why nothing is sent to the partition now. A declared partition is tried again every ten seconds. */
  outageOf(partition: TopicPartition): Outage | undefined {
    const name = partitionName(partition);
    const failed = this.#failed.get(name);
    if (failed !== undefined) return failed;
    const declared = this.#declared.get(name);
    if (declared === undefined || this.#acked.has(name) || isProbeDue(declared, this.#ports.clock.now())) {
      return undefined;
    }
    return { kind: 'outage', message: `${name} accepted no writes a few seconds ago.` };
  }

  acked(partition: TopicPartition): void {
    const name = partitionName(partition);
    this.#acked.add(name);
    this.#health.acked(name);
  }

  /** Returns whether this is the partition's first failure in the invocation. */
  failed(partition: TopicPartition, outage: Outage): boolean {
    const name = partitionName(partition);
    const isFirst = !this.#failed.has(name);
    this.#failed.set(name, outage);
    this.#acked.delete(name);
    this.#health.failed(name, this.#ports.clock.now());
    return isFirst;
  }

  failingSince(partition: TopicPartition): number | undefined {
    const name = partitionName(partition);
    return this.#declared.get(name)?.since ?? this.#health.failingSince(name);
  }

  /**
   * Returns the content of a hold for the partition, or `undefined` if its keys may not be held. They may if the rest of
   * the cluster works, and either they waited for longer than the patience and the partition failed alone for a while,
   * or other keys are held for it.
   *
   * @param waitingMs - how long the oldest record of these keys has been in the stream
   */
  async evidenceOf(partition: TopicPartition, waitingMs: number): Promise<AwaitedPartition | undefined> {
    const now = this.#ports.clock.now();
    const name = partitionName(partition);
    const { topic } = partition;
    const declared = this.#declared.get(name);
    // It was left alone, not tried: a failed send a few seconds ago is the evidence.
    if (declared !== undefined && !this.#failed.has(name)) {
      return { topic, partition: partition.partition, failedAt: declared.failedAt };
    }
    const { partitionPatienceMs } = this.#options;
    // Younger keys are not held, whatever the rest of the cluster does: it is not asked.
    if (declared === undefined && waitingMs < partitionPatienceMs - SEEN_ALONE_MS) return undefined;
    const aloneMs = this.#health.aloneFor(name, now, await this.#othersWork(partition, name));
    if (aloneMs === undefined) return undefined;
    if (declared === undefined && (waitingMs < partitionPatienceMs || aloneMs < SEEN_ALONE_MS)) return undefined;
    return { topic, partition: partition.partition, failedAt: now };
  }

  /** Number of keys that may still be held. */
  room(holds: Iterable<Hold>): number {
    let held = 0;
    for (const { awaits } of holds) if (awaits !== undefined) held++;
    return this.#options.maxPartitionHolds - held;
  }

  /**
   * Runs after everything else. Releases the keys of declared partitions that accept writes again, and tries each
   * partition that was not tried for ten seconds with one key. Both send signals, because only the shard of a key may
   * publish it. Never rejects; if a signal cannot be sent, a later invocation sends it.
   */
  async followUp(holds: ReadonlyMap<string, Hold>): Promise<void> {
    if (this.#declared.size === 0) return;
    const { telemetry } = this.#ports;
    const unavailable = unavailablePartitions(holds.values());
    const keys = [...unavailable.values()].reduce((sum, { holds: ofPartition }) => sum + ofPartition.length, 0);
    telemetry.waitingForPartitions([...unavailable.values()], keys);
    for (const partition of unavailable.values()) {
      if (this.#acked.has(partition.name)) await this.#release(partition);
      else await this.#probe(partition);
    }
  }

  async #release(partition: UnavailablePartition): Promise<void> {
    const now = this.#ports.clock.now();
    const waiting = partition.holds.filter(({ state }) => state === 'holding');
    // Several relays see the recovery at once. Each begins at another key, so that they do not request the same ones.
    const start = waiting.length === 0 ? 0 : now % waiting.length;
    const recovered: Hold[] = [];
    for (const hold of [...waiting.slice(start), ...waiting.slice(0, start)]) {
      if (recovered.length === RELEASES_AT_ONCE) break;
      if (this.#health.claimRelease(hold.revision, now)) recovered.push(hold);
    }
    if (recovered.length === 0) return;
    this.#ports.telemetry.partitionRecovered(partition, recovered.length);
    await this.#drain(recovered, `${partition.name} accepts writes again`);
  }

  async #probe(partition: UnavailablePartition): Promise<void> {
    const now = this.#ports.clock.now();
    const hold = probedHold(partition, now);
    if (hold === undefined || this.#failed.has(partition.name) || !isProbeDue(partition, now)) return;
    if (this.#health.claimProbe(partition.name, now)) {
      await this.#drain([hold], `to find out whether ${partition.name} accepts writes again`);
    }
  }

  async #drain(holds: readonly Hold[], why: string): Promise<void> {
    const { clock, signals, telemetry } = this.#ports;
    await forEachKey(holds, async ({ pk, position }) => {
      const now = clock.now();
      const signal = newSignal(pk, now, { kind: 'drain', from: position, request: { by: 'relay', at: now, why } });
      try {
        await signals.send(signal);
      } catch (cause) {
        telemetry.outage({ message: `The drain of "${pk}" could not be requested.`, cause });
      }
    });
  }

  async #othersWork(partition: TopicPartition, name: string): Promise<boolean> {
    for (const acked of this.#acked) if (acked !== name) return true;
    const { publisher } = this.#ports;
    const inSync = this.#inSync.get(name) ?? publisher.otherPartitionsInSync(partition.topic, partition.partition);
    this.#inSync.set(name, inSync);
    return inSync;
  }
}
