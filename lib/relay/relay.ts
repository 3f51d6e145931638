import type { Control } from '../event/control';
import { OutboxError } from '../event/errors';
import type { DrainSignal, Signal } from '../event/signal';
import { BatchSizes } from './batch-sizes';
import { PublishSession } from './publish-session';
import { KeyWorker } from './key-worker';
import { batchItemOf, type BatchItem } from './batch-item';
import { forEachKey } from './key-work';
import type { KeyTask, BatchSignal } from './key-task';
import type { RelayOptions } from './options';
import type { RelayPorts } from './ports';
import { ProcessMemory } from './process-memory';
import { decodeRecord, type StreamRecord } from './record';
import { PartitionOutages } from './partition-outages';
import { ageSinceCommitMs } from './predecessors';
import { ageMs, mayHaveCrashed } from './crash-counter';
import { RETRY_MS, Triage } from './triage';

export interface Relay {
  /**
   * Handles one batch of stream records. Returns the index of the first record that must be delivered again, or
   * `undefined` if all are settled. Every item of an unsettled record is still pending in the table.
   */
  handle(records: readonly StreamRecord[], remainingMs: () => number): Promise<number | undefined>;
}

/** A relay for one process, which remembers its acknowledgements between invocations. */
export function createRelay(given: RelayPorts, configured: RelayOptions): Relay {
  const memory = new ProcessMemory();
  const sizes = new BatchSizes(configured.maxBatchBytes, given.clock);
  const ports = { ...given, publisher: sizes.learningFrom(given.publisher) };
  const options = { ...configured, batchBytesOf: sizes.limitOf };
  return {
    async handle(records, remainingMs) {
      const { telemetry } = ports;
      telemetry.received(records.length);
      const failed = await handleBatch(records, remainingMs, ports, options, memory);
      if (failed !== undefined) memory.askedAgainAt = ports.clock.now();
      const failedFrom = failed === undefined ? undefined : records[failed]?.dynamodb?.SequenceNumber;
      telemetry.finished({ failedFrom });
      return failed;
    },
  };
}

async function handleBatch(
  records: readonly StreamRecord[],
  remainingMs: () => number,
  ports: RelayPorts,
  options: RelayOptions,
  memory: ProcessMemory,
): Promise<number | undefined> {
  let control: Control;
  try {
    control = await ports.control.read();
    const refusal = await refusalOfOwner(control, ports, options);
    if (refusal !== undefined) {
      ports.telemetry.outage({ message: refusal });
      return records.length === 0 ? undefined : 0;
    }
    control = await noteStream(control, records, ports);
  } catch (cause) {
    ports.telemetry.outage({ message: 'The control partition could not be read.', cause });
    return records.length === 0 ? undefined : 0;
  }
  let decoded: Awaited<ReturnType<typeof decode>>;
  try {
    decoded = await decode(records, ports);
  } catch (cause) {
    ports.telemetry.outage({ message: 'A signal could not be read.', cause });
    return records.length === 0 ? undefined : 0;
  }
  const { entries, signals } = decoded;
  const suspect = mayHaveCrashed(records, ports.clock.now());
  const partitions = new PartitionOutages(ports, options, memory.partitions, control.holds);
  const session = new PublishSession(ports, options, memory, control, partitions, remainingMs, suspect);

  const triage = new Triage(records, session, memory, ports, options);
  const { plain, works, unproven } = triage.split(entries, signals);
  let began = plain.length === 0 && works.length === 0 && unproven.length === 0;
  const worker = new KeyWorker(ports, options, session, (index) => ageMs(records[index], ports.clock.now()));
  const drain = (keys: readonly KeyTask[]): Promise<void> =>
    forEachKey(keys, async (work) => {
      if (!session.mayGoOn) return;
      began = true;
      await worker.run(work);
    });
  // Records that only need publishing go first: none of them waits for the slow path of another key.
  if (await session.deliver(plain)) began ||= plain.length > 0;
  for await (const portion of triage.lookUps(unproven)) {
    began = true;
    await session.deliver(portion.plain);
    await drain(portion.works);
  }
  const now = ports.clock.now();
  await session.holdBlocked(entries, (entry) => ageMs(records[entry.index], now) ?? ageSinceCommitMs(entry, now));
  await drain(works);
  if (!began && !session.stopped) {
    session.stop({
      message: `No round was started: ${remainingMs()} ms were left, and one can take ${options.minRoundMs} ms.`,
    });
  }
  await session.end();
  await partitions.followUp(session.control.holds);
  const failed = firstUnsettled([...entries, ...signals]);
  if (failed !== undefined && session.brokersAnswer) await noteRetry(control, remainingMs, ports, options);
  return failed;
}

const firstUnsettled = (all: readonly { readonly index: number; readonly state: string }[]): number | undefined =>
  all.reduce<number | undefined>(
    (least, { index, state }) => (state === 'settled' || (least !== undefined && least < index) ? least : index),
    undefined,
  );

/**
 * Two relays of one table would each publish everything and end each other's drains. The first relay owns the table;
 * any other publishes nothing and reports how it can become the owner.
 */
async function refusalOfOwner(
  known: Control,
  { control }: RelayPorts,
  { outboxId }: RelayOptions,
): Promise<string | undefined> {
  if (outboxId === undefined || known.owner === outboxId) return undefined;
  const owner = known.owner ?? (await control.claim(outboxId));
  if (owner === outboxId) return undefined;
  return `The table belongs to the outbox "${owner ?? ''}". This relay is of "${outboxId}": it publishes nothing, and its records wait. If this outbox replaces the other one, disable the event source mapping of the other relay, then run \`outbox take-over ${outboxId} --why "…" --yes\`. Otherwise delete this outbox, or give it a table of its own.`;
}

/** One note counts for a minute, so it is renewed at most every 20 seconds. */
async function noteRetry(
  { retriedAt = -Infinity }: Control,
  remainingMs: () => number,
  { control, telemetry, clock }: RelayPorts,
  { minParkMs }: RelayOptions,
): Promise<void> {
  if (Math.abs(clock.now() - retriedAt) < RETRY_MS / 3 || remainingMs() < minParkMs) return;
  try {
    await control.noteRetry?.();
  } catch (cause) {
    telemetry.outage({ message: 'That records are delivered again could not be noted.', cause });
  }
}

async function noteStream(
  read: Control,
  records: readonly StreamRecord[],
  { control, telemetry }: RelayPorts,
): Promise<Control> {
  const streamArn = records[0]?.eventSourceARN;
  if (streamArn === undefined || streamArn === read.streamArn) return read;
  if (read.streamArn !== undefined) telemetry.streamChanged(read.streamArn, streamArn);
  return { ...read, ...(await control.noteStream(read, streamArn)) };
}

async function decode(
  records: readonly StreamRecord[],
  { signals: store, telemetry, clock }: RelayPorts,
): Promise<{ readonly entries: readonly BatchItem[]; readonly signals: readonly BatchSignal[] }> {
  const entries: BatchItem[] = [];
  const signals: BatchSignal[] = [];
  const setAside = async (signal: Pick<Signal, 'pk' | 'sk'>, why: string): Promise<void> => {
    telemetry.signalUnprocessable(signal, why);
    try {
      await store.setAside(signal, why);
    } catch (cause) {
      // The failure must not stop the shard. The signal stays in the table, where the sweeper finds it.
      telemetry.outage({ message: `The signal "${signal.sk}" of "${signal.pk}" could not be set aside.`, cause });
    }
  };
  for (const [index, record] of records.entries()) {
    const decoded = decodeRecord(record);
    switch (decoded.kind) {
      case 'ignored':
        break;
      case 'signal':
        signals.push({ index, signal: decoded.signal, state: 'open' });
        break;
      case 'unseen-item':
        signals.push({ index, signal: drainOf(decoded, clock.now()), isUnseen: true, state: 'open' });
        break;
      case 'unseen-signal': {
        try {
          const signal = await store.find(decoded);
          if (signal !== undefined) signals.push({ index, signal, state: 'open' });
        } catch (cause) {
          if (!(cause instanceof OutboxError)) throw cause;
          await setAside(decoded, cause.message);
        }
        break;
      }
      case 'undecodable-signal':
        await setAside(decoded, decoded.message);
        break;
      default:
        entries.push(batchItemOf(decoded, index, record.dynamodb?.SequenceNumber));
    }
  }
  return { entries, signals };
}

/** The drain for a record without an image: it publishes all open items of the key from the table. */
const drainOf = ({ pk, sk }: { readonly pk: string; readonly sk: string }, at: number): DrainSignal => ({
  kind: 'drain',
  pk,
  sk,
  from: sk,
  request: { by: 'relay', at, why: 'A stream record shows no image of its item.' },
});
