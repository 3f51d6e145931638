import type { Control, Hold } from '../../lib/event/control';
import { RELAY_DEFAULTS } from '../../lib/relay/environment';
import type {
  BatchOutcome,
  Failure,
  Mark,
  PartitionBatch,
  ParkRequest,
  Publisher,
  RelayPorts,
  Telemetry,
} from '../../lib/relay/ports';
import type { RelayOptions } from '../../lib/relay/options';
import { createRelay, type Relay } from '../../lib/relay/relay';
import { MemoryTable } from './memory-table';

export interface Sent {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly id: string;
  readonly key: string;
  readonly replayId?: string;
}

type Scripted = (batch: PartitionBatch) => Failure | undefined;

/** Kafka in memory: appends every message that `refuse` accepts. */
export class FakeKafka {
  readonly log: Sent[] = [];
  readonly publishes: (readonly PartitionBatch[])[] = [];
  readonly topics = new Map<string, number | Failure>([['orders', 4]]);
  refuse: Scripted = () => undefined;
  /** Whether fresh metadata show any other partition in sync. */
  othersInSync = true;
  readonly #ends = new Map<string, bigint>();

  partitionCount(topic: string) {
    const known = this.topics.get(topic);
    const unknown = { kind: 'poison', reason: 'unknown-topic', message: `no topic ${topic}` } as const;
    return Promise.resolve(
      typeof known === 'number' ? ({ kind: 'topic', partitions: known } as const) : (known ?? unknown),
    );
  }

  publish(batches: readonly PartitionBatch[]): Promise<BatchOutcome[]> {
    this.publishes.push(batches);
    return Promise.resolve(batches.map((batch) => this.refuse(batch) ?? this.#append(batch)));
  }

  otherPartitionsInSync: Publisher['otherPartitionsInSync'] = () => Promise.resolve(this.othersInSync);

  #append({ topic, partition, messages }: PartitionBatch): BatchOutcome {
    const at = `${topic}/${partition}`;
    const baseOffset = this.#ends.get(at) ?? 0n;
    messages.forEach(({ headers, key }, index) =>
      this.log.push({
        topic,
        partition,
        offset: baseOffset + BigInt(index),
        id: headers['ce_id'] ?? '',
        key: key.toString(),
        replayId: headers['outbox-replay'],
      }),
    );
    this.#ends.set(at, baseOffset + BigInt(messages.length));
    return { kind: 'acked', baseOffset };
  }
}

/** The writes of a relay that only sees records: the table knows no items, and accepts every mark and parking. */
export class FakeTable {
  readonly marks = new Map<string, Mark>();
  readonly holds = new Map<string, Hold>();
  readonly tombstones = new Set<string>();
  readonly parkings: ParkRequest[] = [];
  readonly gone = new Set<string>();
  failMark: (mark: Mark) => boolean = () => false;
  failPark: (parking: ParkRequest) => boolean = () => false;
  failRead = false;
  #revision = 0;

  read(): Promise<Control> {
    if (this.failRead) return Promise.reject(new Error('throttled'));
    return Promise.resolve({ revision: this.#revision, holds: new Map(this.holds), tombstones: this.tombstones });
  }

  mark(marks: readonly Mark[]) {
    const failures = new Map<Mark, unknown>();
    for (const mark of marks) {
      if (this.failMark(mark)) failures.set(mark, new Error('mark failed'));
      else this.marks.set(mark.id, mark);
    }
    return Promise.resolve(failures);
  }

  park(parking: ParkRequest) {
    if (this.failPark(parking)) return Promise.reject(new Error('transaction in doubt'));
    if (parking.id !== undefined && this.gone.has(parking.id)) return Promise.resolve({ kind: 'gone' } as const);
    this.parkings.push(parking);
    const hold: Hold = {
      pk: parking.pk,
      position: parking.sk,
      revision: String(++this.#revision),
      state: 'holding',
      reason: parking.reason,
      message: parking.message,
      attempts: parking.attempts + 1,
      since: 1_000_000,
    };
    this.holds.set(parking.pk, hold);
    return Promise.resolve({ kind: 'parked', hold } as const);
  }

  holdForPartition = (): Promise<{ readonly kind: 'gone' }> => Promise.resolve({ kind: 'gone' });
  countAttempt = (): Promise<number> => Promise.resolve(0);
  clearAttempts = (): Promise<void> => Promise.resolve();
  claim = (owner: string): Promise<string> => Promise.resolve(owner);
  noteStream = (): Promise<Record<string, never>> => Promise.resolve({});
}

export const silentTelemetry = (): jest.Mocked<Telemetry> => ({
  received: jest.fn(),
  published: jest.fn(),
  duplicateSkipped: jest.fn(),
  heldBack: jest.fn(),
  parked: jest.fn(),
  breakerOpen: jest.fn(),
  markFailed: jest.fn(),
  outage: jest.fn(),
  heldForPartition: jest.fn(),
  waitingForPartitions: jest.fn(),
  partitionRecovered: jest.fn(),
  keyFailed: jest.fn(),
  producerRebuilt: jest.fn(),
  signalUnprocessable: jest.fn(),
  lookedUp: jest.fn(),
  drained: jest.fn(),
  discarded: jest.fn(),
  replayed: jest.fn(),
  attemptAfterCrash: jest.fn(),
  predecessorMissing: jest.fn(),
  streamChanged: jest.fn(),
  finished: jest.fn(),
});

export const RELAY_OPTIONS: RelayOptions = {
  maxBatchBytes: RELAY_DEFAULTS.maxBatchBytes,
  maxMessages: 1_000,
  minRoundMs: 1_000,
  minParkMs: 500,
  order: 'relaxed',
  lateAfterMs: 30 * 60_000,
  partitionPatienceMs: RELAY_DEFAULTS.partitionPatienceSeconds * 1000,
  maxPartitionHolds: RELAY_DEFAULTS.maxPartitionHolds,
};

/** A relay over memory that only sees records; `kafka`, `table` and `telemetry` record its calls. */
export function aRelay(options: Partial<RelayOptions> = {}, ports: Partial<RelayPorts> = {}) {
  const kafka = new FakeKafka();
  const table = new FakeTable();
  const noItems = new MemoryTable();
  const telemetry = silentTelemetry();
  const newProcess = (): Relay =>
    createRelay(
      {
        publisher: kafka,
        items: table,
        keys: noItems,
        control: table,
        drains: noItems,
        signals: noItems,
        telemetry,
        clock: { now: () => 1_000_000 },
        ...ports,
      },
      { ...RELAY_OPTIONS, ...options },
    );
  const relay = newProcess();
  return { kafka, table, telemetry, relay, newProcess, handle: relay.handle.bind(relay) };
}

/** A relay over a table in memory that keeps its items, with the conditions of the real one. */
export function aRelayOverTable(
  options: Partial<RelayOptions> = {},
  { retention = 86_400, now = 1_000_000_000 } = {},
  ports: Partial<RelayPorts> = {},
) {
  const clock = { at: now, now: () => clock.at };
  const table = new MemoryTable(clock.now, { retention });
  const kafka = new FakeKafka();
  const telemetry = silentTelemetry();
  const newProcess = (): Relay =>
    createRelay(
      {
        publisher: kafka,
        items: table,
        keys: table,
        control: table,
        drains: table,
        signals: table,
        telemetry,
        clock,
        ...ports,
      },
      { ...RELAY_OPTIONS, ...options },
    );
  const relay = newProcess();
  return { kafka, table, telemetry, clock, relay, newProcess, handle: relay.handle.bind(relay) };
}

/** The remaining time at the start of an invocation of the default function. */
export const plentyOfTime = (): number => 90_000;
