import type { SweepStore } from '../../lib/sweep/ports';
import type { MemoryTable } from './memory-table';

/** The sweeper's table in memory; `streamArn` is the stream that the table has now. */
export const sweepStoreOver = (table: MemoryTable, streamArn?: string): SweepStore => ({
  readControl: () => table.read(),
  head: ({ pk, position }) => Promise.resolve(table.items.get(pk)?.get(position)),
  describe: () => Promise.resolve({ streamArn, bytes: 0 }),
  readPass: () => Promise.resolve(table.pass),
  writePass: (pass) => Promise.resolve(void (table.pass = pass)),
  noteStream: (known, arn) => table.noteStream(known, arn),
  send: (signal) => Promise.resolve(void table.putSignal(signal)),
  replace: (lost, successor) => Promise.resolve(table.replace(lost, successor)),
  setAside: (signal, why) => table.setAside(signal, why),
  beginDoubt: (known, since) => Promise.resolve(table.setDoubt(known, since)),
  endDoubt: (known) => Promise.resolve(table.setDoubt(known, undefined)),
  async *segment(index, segments) {
    const keys = [...new Set([...table.items.keys(), ...table.signals.keys()])].toSorted();
    for (const pk of keys.filter((_, at) => at % segments === index)) {
      yield await Promise.resolve({ images: table.scan(pk), readUnits: 0.5 });
    }
  },
});
