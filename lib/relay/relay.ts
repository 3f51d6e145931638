import type { Control } from '../event/control';
import { OutboxError } from '../event/errors';
import type { ItemKey } from '../event/item';
import type { DrainSignal } from '../event/signal';
import { batchItemOf, type BatchItem, type BatchSignal, type KeyTask } from './batch-item';
import { BatchSizes } from './batch-sizes';
import { Invocation } from './invocation';
import { forEachKey } from '../timing/for-each';
import { workOnKey } from './key-worker';
import type { RelayOptions } from './options';
import { mayHaveCrashed } from './park-limits';
import type { RelayPorts } from './ports';
import { ProcessMemory } from './process-memory';
import { PublishSession } from './publish-session';
import { dataBytesOf, decodeRecord, streamedAtOf, type DecodedRecord, type StreamRecord } from './record';
import { TableLookup } from './table-lookup';
import { RETRY_MS, triage } from './triage';

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

/**
 * Decompressed data that one invocation holds in memory: Lambda's 6 MB of records can have gigabytes of it. The records
 * after it are delivered again.
 */
const MAX_DATA_BYTES = 128 * 1024 * 1024;

async function handleBatch(
  records: readonly StreamRecord[],
  remainingMs: () => number,
  ports: RelayPorts,
  options: RelayOptions,
  memory: ProcessMemory,
): Promise<number | undefined> {
  const { telemetry } = ports;
  let control: Control;
  let sorted: Awaited<ReturnType<typeof sortRecords>>;
  let decoded: readonly Decoded[];
  let failure = 'The control partition could not be read.';
  try {
    const [read, decodedRecords] = await Promise.all([ports.control.read(), decodeMeanwhile(records, ports)]);
    control = read;
    const refusal = await refusalOfOwner(control, ports, options);
    if (refusal !== undefined) {
      telemetry.outage({ message: refusal });
      return records.length === 0 ? undefined : 0;
    }
    control = await noteStream(control, records, ports);
    failure = 'A signal could not be read.';
    decoded = decodedRecords();
    sorted = await sortRecords(decoded, ports);
  } catch (cause) {
    telemetry.outage({ message: failure, cause });
    return records.length === 0 ? undefined : 0;
  }
  const { items, signals } = sorted;
  const isCounted = mayHaveCrashed(records, ports.clock.now());
  const invocation = new Invocation(ports, options, memory, control, remainingMs, isCounted);
  const session = new PublishSession(invocation);

  const { plain, tasks, unproven } = triage(items, signals, session);
  let began = plain.length === 0 && tasks.length === 0 && unproven.length === 0;
  const drain = (keys: readonly KeyTask[]): Promise<void> =>
    forEachKey(keys, async (task) => {
      if (!invocation.hasTimeForRound) return;
      began = true;
      await workOnKey(task, session);
    });
  // Records that only need publishing go first: none of them waits for the slow path of another key.
  if (await session.publish(plain)) began ||= plain.length > 0;
  for await (const portion of new TableLookup(session).portions(unproven)) {
    began = true;
    await session.publish(portion.plain);
    await drain(portion.tasks);
  }
  await session.holdBlocked(items);
  await drain(tasks);
  if (!began && !invocation.stopped) {
    invocation.stop({
      message: `No round was started: ${remainingMs()} ms were left, and one can take ${options.minRoundMs} ms.`,
    });
  }
  await session.end();
  await invocation.partitions.followUp(invocation.control.holds);
  const failed = firstUnsettled([...items, ...signals]);
  if (failed !== undefined && session.hasAcks) await noteRetry(invocation);
  return failed ?? (decoded.length < records.length ? decoded.length : undefined);
}

function firstUnsettled(all: readonly (BatchItem | BatchSignal)[]): number | undefined {
  const unsettled = all.filter(({ state }) => state !== 'settled');
  return unsettled.length === 0 ? undefined : Math.min(...unsettled.map(({ index }) => index));
}

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
  return `The table belongs to the outbox "${owner ?? ''}". This relay belongs to "${outboxId}": it publishes nothing, and its records wait. If this outbox replaces the other one, disable the event source mapping of the other relay, then run \`outbox take-over ${outboxId} --why "…" --yes\`. Otherwise delete this outbox, or give it a table of its own.`;
}

/** One note counts for a minute, so it is renewed at most every 20 seconds. */
async function noteRetry({ control, hasTimeToHold, ports }: Invocation): Promise<void> {
  const { retriedAt = -Infinity } = control;
  if (Math.abs(ports.clock.now() - retriedAt) < RETRY_MS / 3 || !hasTimeToHold) return;
  try {
    await ports.control.noteRetry?.();
  } catch (cause) {
    ports.telemetry.outage({ message: 'The request to deliver records again could not be noted.', cause });
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

/**
 * Decodes the records while the response of a request is awaited that was started before, up to the one whose data
 * reaches {@link MAX_DATA_BYTES}. Never rejects: the returned function throws instead.
 */
async function decodeMeanwhile(records: readonly StreamRecord[], { nextTurn }: RelayPorts): Promise<() => Decoded[]> {
  await nextTurn?.();
  try {
    const all: Decoded[] = [];
    let bytes = 0;
    for (const record of records) {
      const decoded = decodeRecord(record);
      all.push({ record, decoded });
      if (decoded.kind === 'item') bytes += dataBytesOf(decoded);
      if (bytes >= MAX_DATA_BYTES) break;
    }
    return () => all;
  } catch (cause) {
    return () => {
      throw cause;
    };
  }
}

interface Decoded {
  readonly record: StreamRecord;
  readonly decoded: DecodedRecord;
}

async function sortRecords(
  records: readonly Decoded[],
  { signals: store, telemetry, clock }: RelayPorts,
): Promise<{ readonly items: readonly BatchItem[]; readonly signals: readonly BatchSignal[] }> {
  const items: BatchItem[] = [];
  const signals: BatchSignal[] = [];
  const markUnprocessable = async (signal: ItemKey, why: string): Promise<void> => {
    telemetry.signalUnprocessable(signal, why);
    try {
      await store.markUnprocessable(signal, why);
    } catch (cause) {
      // The failure must not stop the shard. The signal stays in the table, where the sweeper finds it.
      const message = `The signal "${signal.sk}" of "${signal.pk}" could not be marked as unprocessable.`;
      telemetry.outage({ message, cause });
    }
  };
  for (const [index, { record, decoded }] of records.entries()) {
    const streamedAt = streamedAtOf(record);
    switch (decoded.kind) {
      case 'ignored':
        break;
      case 'signal':
        signals.push({ index, streamedAt, signal: decoded.signal, state: 'open' });
        break;
      case 'unseen-item':
        signals.push({ index, streamedAt, signal: drainOf(decoded, clock.now()), isUnseen: true, state: 'open' });
        break;
      case 'unseen-signal':
        try {
          const signal = await store.find(decoded);
          if (signal !== undefined) signals.push({ index, streamedAt, signal, state: 'open' });
        } catch (cause) {
          if (!(cause instanceof OutboxError)) throw cause;
          await markUnprocessable(decoded, cause.message);
        }
        break;
      case 'undecodable-signal':
        await markUnprocessable(decoded, decoded.message);
        break;
      default:
        items.push(batchItemOf(decoded, { index, streamedAt, sequence: record.dynamodb?.SequenceNumber }));
    }
  }
  return { items, signals };
}

/** The drain for a record without an image: it publishes all open items of the key from the table. */
const drainOf = ({ pk, sk }: ItemKey, at: number): DrainSignal => ({
  kind: 'drain',
  pk,
  sk,
  from: sk,
  request: { by: 'relay', at, why: 'A stream record shows no image of its item.' },
});
