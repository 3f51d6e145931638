import type { Control } from '../event/control';
import { Acknowledged } from './acknowledged';
import { Delivery } from './delivery';
import { KeyWorker } from './drain';
import { entryOf, type Entry } from './entry';
import { forEachKey, type SignalEntry } from './key-work';
import { LookBack } from './look-back';
import type { RelayOptions } from './options';
import type { RelayPorts } from './ports';
import { decodeRecord, type StreamRecord } from './record';
import { maySuspect } from './suspects';

export interface Relay {
  /**
   * Handles one batch of stream records and answers the index of the first record that must be delivered again, or
   * `undefined` when all are settled. Whatever it did not settle is still pending in the table.
   */
  handle(records: readonly StreamRecord[], remainingMs: () => number): Promise<number | undefined>;
}

/** A relay for one process: what it acknowledged is remembered from one invocation to the next. */
export function createRelay(ports: RelayPorts, options: RelayOptions): Relay {
  const acknowledged = new Acknowledged();
  return {
    async handle(records, remainingMs) {
      const { telemetry } = ports;
      telemetry.received(records.length);
      const failed = await handleBatch(records, remainingMs, ports, options, acknowledged);
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
  acknowledged: Acknowledged,
): Promise<number | undefined> {
  let control: Control;
  try {
    control = await readControl(records, ports);
  } catch (cause) {
    ports.telemetry.outage({ message: 'The control partition could not be read.', cause });
    return records.length === 0 ? undefined : 0;
  }
  const { entries, signals } = await decode(records, ports);
  const suspect = maySuspect(records, ports.clock.now());
  const delivery = new Delivery(ports, options, acknowledged, control, remainingMs, suspect);

  const lookBack = new LookBack(records, delivery, ports, options);
  const { plain, works } = await lookBack.sort(entries, signals);
  // Records that need nothing else go first: nobody waits for the slow path of another key.
  let began = plain.length === 0 && works.length === 0;
  if (await delivery.deliver(plain)) began ||= plain.length > 0;
  const worker = new KeyWorker(ports, options, delivery);
  await forEachKey(works, async (work) => {
    if (!delivery.mayGoOn) return;
    began = true;
    await worker.run(work);
  });
  if (!began && !delivery.stopped) {
    delivery.stop({
      message: `No round was started: ${remainingMs()} ms were left, and one can take ${options.minRoundMs} ms.`,
    });
  }
  await delivery.end();
  return firstUnsettled([...entries, ...signals]);
}

const firstUnsettled = (all: readonly { readonly index: number; readonly state: string }[]): number | undefined =>
  all.reduce<number | undefined>(
    (least, { index, state }) => (state === 'settled' || (least !== undefined && least < index) ? least : index),
    undefined,
  );

async function readControl(records: readonly StreamRecord[], { control, telemetry }: RelayPorts): Promise<Control> {
  const read = await control.read();
  const streamArn = records[0]?.eventSourceARN;
  if (streamArn === undefined || streamArn === read.streamArn) return read;
  if (read.streamArn !== undefined) telemetry.streamChanged(read.streamArn, streamArn);
  return { ...read, ...(await control.noteStream(read, streamArn)) };
}

async function decode(
  records: readonly StreamRecord[],
  { signals: store, telemetry }: RelayPorts,
): Promise<{ readonly entries: readonly Entry[]; readonly signals: readonly SignalEntry[] }> {
  const entries: Entry[] = [];
  const signals: SignalEntry[] = [];
  for (const [index, record] of records.entries()) {
    const decoded = decodeRecord(record);
    switch (decoded.kind) {
      case 'ignored':
        break;
      case 'signal':
        signals.push({ index, signal: decoded.signal, state: 'open' });
        break;
      case 'undecodable-signal':
        telemetry.signalSetAside(decoded, decoded.message);
        try {
          await store.setAside(decoded, decoded.message);
        } catch (cause) {
          // It must not stop the shard. It stays in the table as it is, where the sweeper finds it.
          telemetry.outage({ message: `The signal "${decoded.sk}" of "${decoded.pk}" could not be set aside.`, cause });
        }
        break;
      default:
        entries.push(entryOf(decoded, index));
    }
  }
  return { entries, signals };
}
