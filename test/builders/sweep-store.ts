import type { SweepStore } from '../../lib/sweep/ports';
import type { MemoryTable } from './memory-table';

/** The sweeper's table in memory; `streamArn` is the table's current stream. */
export const sweepStoreOver = (
  table: MemoryTable,
  streamArn?: string,
  pause: (ms: number) => Promise<void> = () => Promise.resolve(),
): SweepStore => ({
  readControl: () => table.read(),
  head: ({ pk, position }) => Promise.resolve(table.items.get(pk)?.get(position)),
  describe: () => Promise.resolve({ streamArn, bytes: 0 }),
  readProgress: () => Promise.resolve(table.progress),
  writeProgress: (progress) => Promise.resolve(void (table.progress = progress)),
  readPasses: () => Promise.resolve(table.passes),
  writePasses: (passes) => Promise.resolve(void (table.passes = passes)),
  readProbes: () => Promise.resolve(table.probes),
  writeProbes: (probes) => Promise.resolve(void (table.probes = probes)),
  read: (keys) => Promise.resolve(table.look(keys)),
  pause,
  remove: (signals) => table.remove(signals),
  noteStream: (known, arn) => table.noteStream(known, arn),
  send: (signal) => Promise.resolve(table.sendSignal(signal)),
  replace: (lost, successor) => Promise.resolve(table.replace(lost, successor)),
  markUnprocessable: (signal, why) => table.markUnprocessable(signal, why),
  suspectGap: (known, since) => Promise.resolve(table.setGapSuspicion(known, since)),
  clearGapSuspicion: (known) => Promise.resolve(table.setGapSuspicion(known, undefined)),
  async *segment(index, segments, after) {
    const keys = [...new Set([...table.items.keys(), ...table.signals.keys()])].toSorted();
    const ofSegment = keys.filter((_, at) => at % segments === index);
    for (const [at, pk] of ofSegment.entries()) {
      if (after !== undefined && pk <= after.pk) continue;
      const images = table.scan(pk);
      const sk = images.at(-1)?.['sk']?.S ?? '';
      yield await Promise.resolve({
        images,
        readUnits: 0.5,
        next: at === ofSegment.length - 1 ? undefined : { pk, sk },
      });
    }
  },
});
