import { uuidV7 } from '../../lib/event/uuid';
import { EVENT_BYTES, eventData } from '../events';

/** One event that a benchmark commits, for every subject alike. */
export interface LoadEvent {
  readonly id: string;
  readonly key: string;
  /** Consecutive for each key, from 1. */
  readonly version: number;
  readonly topic: string;
  /** JSON. */
  readonly data: string;
}

export interface LoadOptions {
  readonly topic: string;
  readonly keys: number;
  /** Bytes of an event's data. Default: 1,024. */
  readonly bytes?: number;
  /** Default `key`. */
  readonly prefix?: string;
}

/** Endless events of a fixed number of keys, one key after the other, so that neighbours have different keys. */
export class Load {
  readonly #options: LoadOptions;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  next(): LoadEvent {
    const { topic, keys, bytes = EVENT_BYTES, prefix = 'key' } = this.#options;
    const at = this.#next++;
    return {
      id: uuidV7(Date.now()),
      key: `${prefix}-${at % keys}`,
      version: Math.floor(at / keys) + 1,
      topic,
      data: eventData(bytes),
    };
  }

  take(count: number): LoadEvent[] {
    return Array.from({ length: count }, () => this.next());
  }
}
