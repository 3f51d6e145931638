import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * A history is a file of JSON lines, each with a `kind`. The order of the lines has no meaning, except that the
 * messages of a partition come in the order of their offsets and the effects of a consumer in that of their commits.
 * Times are epoch milliseconds.
 */
export type HistoryLine =
  Settings | Commit | Discard | Delivery | Removal | StoredItem | Held | Effect | DeadLetter | Fault;

/** The promises that the run is judged by. */
export interface Settings {
  readonly kind: 'settings';
  /** Seconds that a processed item stays; its `expiresAt` follows from it. */
  readonly retentionSeconds: number;
  /** The most often that an event may be delivered. */
  readonly maxCopies: number;
  /** Milliseconds after the end of a fault in which a duplicate still counts as its consequence. */
  readonly afterFaultMs: number;
  /** Consumers, the topics that they read, and whether they emit an event for each effect. */
  readonly consumers?: readonly {
    readonly name: string;
    readonly topics: readonly string[];
    readonly emits?: boolean;
  }[];
  /** Topics that got more partitions: keys have moved to others, so the order of effects between them is not promised. */
  readonly grownTopics?: readonly string[];
}

/** The events of one key in a transaction. */
export interface Commit {
  readonly kind: 'commit';
  readonly at: number;
  /** Aggregate and key, such as `order#42`. */
  readonly key: string;
  /** Positions of a key ascend in the order in which its events must be delivered. */
  readonly position: string;
  readonly events: readonly { readonly id: string; readonly topic: string }[];
  /** The writer got no answer and did not ask again: the transaction may have failed. */
  readonly isUncertain?: boolean;
  /** The event whose effect committed these events, and the consumer that did it. */
  readonly cause?: { readonly id: string; readonly consumer: string };
}

/** An operator asked to skip the item of this event. */
export interface Discard {
  readonly kind: 'discard';
  readonly id: string;
}

/** A message as a reader of the topic found it. */
export interface Delivery {
  readonly kind: 'delivery';
  readonly at: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly id: string;
  /** An operator asked for it again: not a duplicate. */
  readonly isReplay?: boolean;
  /** How often the topic had been deleted before: its offsets begin again then. Default 0. */
  readonly incarnation?: number;
}

/** A topic was deleted: the messages of items that were processed before `until` may be gone with it. */
export interface Removal {
  readonly kind: 'removal';
  readonly topic: string;
  readonly until: number;
}

/** An item of the table at the end of the run. */
export interface StoredItem {
  readonly kind: 'item';
  readonly key: string;
  readonly position: string;
  /** Of its first event: a position may be used again after a transaction that failed. */
  readonly id: string;
  readonly state: 'pending' | 'parked' | 'processed' | 'discarded';
  readonly receipts?: readonly string[];
  readonly processedAt?: number;
  /** Epoch seconds. */
  readonly expiresAt?: number;
}

/** A key that is held at the end of the run. */
export interface Held {
  readonly kind: 'held';
  readonly key: string;
  readonly reason: string;
}

/** A consumer's committed effect of an event. */
export interface Effect {
  readonly kind: 'effect';
  readonly consumer: string;
  readonly id: string;
}

/** An event that a consumer gave up. */
export interface DeadLetter {
  readonly kind: 'dead-letter';
  readonly consumer: string;
  readonly id: string;
}

/** A fault that was applied. */
export interface Fault {
  readonly kind: 'fault';
  readonly name: string;
  readonly at: number;
  readonly until: number;
}

/** @throws Error that names the line that is no JSON object with a `kind`. */
export async function readHistory(path: string): Promise<HistoryLine[]> {
  const lines: HistoryLine[] = [];
  let at = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    at++;
    if (text.trim() !== '') lines.push(parseLine(text, `${path}:${at}`));
  }
  return lines;
}

const KINDS: ReadonlySet<string> = new Set<HistoryLine['kind']>([
  'settings',
  'commit',
  'discard',
  'delivery',
  'removal',
  'item',
  'held',
  'effect',
  'dead-letter',
  'fault',
]);

function parseLine(text: string, place: string): HistoryLine {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${place} is no JSON: ${text.slice(0, 80)}`, { cause });
  }
  const kind = typeof line === 'object' && line !== null && 'kind' in line ? line.kind : undefined;
  if (typeof kind !== 'string' || !KINDS.has(kind)) {
    throw new Error(`${place} has the kind ${JSON.stringify(kind)}; it must be one of ${[...KINDS].join(', ')}.`);
  }
  return line as HistoryLine;
}
