import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '../../../local/wait-until';
import { ProcessPool } from '../processes/process-pool';
import type { Arrival, ReaderOptions, ReadUpTo } from '../processes/reader-options';
import type { Delivery } from '../history';
import { endsOf, type Testbed } from './brokers';

const CAUGHT_UP_MS = 180_000;

interface Reader {
  readonly topics: readonly string[];
  readonly incarnation: number;
  readonly log: string;
  readonly pool: ProcessPool;
  readonly latest: Map<string, number>;
}

/** Processes that log every message of the topics. A topic that was made again gets a reader of its own. */
export class Readers {
  readonly #testbed: Testbed;
  readonly #folder: string;
  readonly #logFile: string;
  readonly #readers: Reader[] = [];

  constructor(testbed: Testbed, folder: string, logFile: string) {
    this.#testbed = testbed;
    this.#folder = folder;
    this.#logFile = logFile;
  }

  async read(topics: readonly string[], incarnation = 0): Promise<void> {
    const name = `arrivals-${topics[0] ?? ''}-${incarnation}`;
    const log = join(this.#folder, `${name}.jsonl`);
    const latest = new Map<string, number>();
    const { brokers } = this.#testbed.cluster;
    const options: ReaderOptions = { brokers, topics, group: name, log };
    const pool = new ProcessPool({
      ...{ folder: this.#folder, program: 'reader', options: [options], logFile: this.#logFile },
      onMessage: (message) => {
        const { topic, partition, offset } = message as ReadUpTo;
        latest.set(`${topic}-${partition}`, offset);
      },
    });
    await pool.start();
    this.#readers.push({ topics, incarnation, log, pool, latest });
  }

  /** Ends the reader of a topic, before the topic is deleted. What it has not read by then is gone. */
  async leave(topic: string): Promise<void> {
    for (const { topics, pool } of this.#readers) if (topics.includes(topic)) await pool.stop();
  }

  /** Resolves when everything that is in the topics now has been logged. */
  async caughtUp(): Promise<void> {
    const latest = new Map<string, Reader>();
    for (const reader of this.#readers) for (const topic of reader.topics) latest.set(topic, reader);
    for (const reader of new Set(latest.values())) {
      const ends = await waitUntil('The ends of the topics', CAUGHT_UP_MS, () => endsOf(this.#testbed, reader.topics));
      await waitUntil(`The end of ${reader.topics.join(', ')}`, CAUGHT_UP_MS, () =>
        Promise.resolve(
          [...ends].every(([place, end]) => (reader.latest.get(place) ?? -1) >= end - 1) ? true : undefined,
        ),
      );
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#readers.map(({ pool }) => pool.stop()));
  }

  /** Every message once, in the order of their arrival: each partition in the order of its offsets. */
  deliveries(): Delivery[] {
    const byPlace = new Map<string, Delivery>();
    for (const { log, incarnation } of this.#readers) {
      for (const arrival of linesOf<Arrival>(log)) {
        const place = `${arrival.topic}-${arrival.partition}@${arrival.offset}/${incarnation}`;
        if (!byPlace.has(place))
          byPlace.set(place, { kind: 'delivery', ...arrival, ...(incarnation > 0 ? { incarnation } : {}) });
      }
    }
    return [...byPlace.values()].toSorted((a, b) => a.at - b.at || a.offset - b.offset);
  }
}

/** The lines of a log. A process that was killed may have left the last one unfinished. */
export function* linesOf<T>(path: string): Generator<T> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      yield JSON.parse(line) as T;
    } catch {
      // Unfinished.
    }
  }
}
