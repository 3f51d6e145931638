// Commits events at a rate that does not depend on the time that a commit takes, and remembers the times of each.
import { setTimeout as sleep } from 'node:timers/promises';
import { openDynamoDbTarget } from '../delivery/dynamodb-target';
import { Load, type LoadEvent } from '../delivery/load';
import { openPostgresTarget } from '../delivery/postgres-target';
import type { WriterLoad, WriterTarget, WrittenEvent } from '../delivery/writer';

export type WriterRequest =
  | { readonly kind: 'open'; readonly target: WriterTarget; readonly load: WriterLoad }
  | { readonly kind: 'write'; readonly rate: number; readonly seconds: number };

export type WriterAnswer =
  { readonly kind: 'opened' } | { readonly kind: 'written'; readonly events: readonly WrittenEvent[] };

/** Commits one event with its business row. */
export type Commit = (event: LoadEvent) => Promise<void>;

const TICK_MS = 4;
/** A store that stands still must not fill the memory. */
const MAX_IN_FLIGHT = 2_000;

let commit: Commit | undefined;
let loads: readonly Load[] = [];

/** Commits of one key follow each other: otherwise the order of its versions would not be that of its commits. */
const lastOfKey = new Map<string, Promise<void>>();

async function write(rate: number, seconds: number): Promise<readonly WrittenEvent[]> {
  const events: WrittenEvent[] = [];
  const inFlight = new Set<Promise<void>>();
  const startedAt = Date.now();
  const total = rate * seconds;
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((Date.now() - startedAt) / 1_000) * rate));
    for (; sent < due && inFlight.size < MAX_IN_FLIGHT; sent++) {
      const load = loads[sent % loads.length];
      if (load === undefined || commit === undefined) throw new Error('The writer is not open.');
      const writing = writeOne(commit, load.next(), events).finally(() => inFlight.delete(writing));
      inFlight.add(writing);
    }
    await sleep(TICK_MS);
  }
  await Promise.all(inFlight);
  return events;
}

async function writeOne(commitEvent: Commit, event: LoadEvent, events: WrittenEvent[]): Promise<void> {
  const { data, ...rest } = event;
  const earlier = lastOfKey.get(event.key);
  const calledAt = Date.now();
  const writing = (earlier ?? Promise.resolve()).then(() => commitEvent(event));
  lastOfKey.set(event.key, writing);
  await writing;
  if (lastOfKey.get(event.key) === writing) lastOfKey.delete(event.key);
  events.push({ ...rest, calledAt, committedAt: Date.now() });
}

async function answer(request: WriterRequest): Promise<WriterAnswer> {
  if (request.kind === 'write') return { kind: 'written', events: await write(request.rate, request.seconds) };
  const { target, load } = request;
  commit = target.kind === 'postgres' ? await openPostgresTarget(target) : openDynamoDbTarget(target);
  loads = load.topics.map((topic) => new Load({ topic, keys: load.keys, prefix: topic, bytes: load.bytes }));
  return { kind: 'opened' };
}

// The bench has ended, and this process must not outlive it.
process.once('disconnect', () => process.exit());
process.on('message', (request) => {
  answer(request as WriterRequest).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
