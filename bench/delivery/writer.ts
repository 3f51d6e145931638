import type { WriterAnswer, WriterRequest } from '../children/load-writer';
import { startRequestChild } from './child';
import type { LoadEvent } from './load';

/** The place to which a writer commits: the business row and the event in one transaction. */
export type WriterTarget =
  | {
      readonly kind: 'postgres';
      /** The folder in which the package `pg` is installed. */
      readonly packages: string;
      readonly connection: string;
      /** A statement with the parameters key, version, id, topic and data. */
      readonly statement: string;
    }
  | { readonly kind: 'dynamodb'; readonly endpoint: string; readonly tableName: string };

/** An event that was committed. */
export interface WrittenEvent extends Omit<LoadEvent, 'data'> {
  readonly calledAt: number;
  readonly committedAt: number;
}

/** Commits events at a rate, in a process of its own. */
export interface LoadWriter {
  /** Resolves with all commits of the step. The rate does not depend on how fast the commits are, up to a limit. */
  write(step: { readonly rate: number; readonly seconds: number }): Promise<readonly WrittenEvent[]>;
  stop(): Promise<void>;
}

export interface WriterLoad {
  readonly topics: readonly string[];
  /** Keys of each topic. */
  readonly keys: number;
  /** Bytes of the JSON of an event. Default: 1,024. */
  readonly bytes?: number;
}

/** Resolves when the writer has its connections. */
export async function startWriter(target: WriterTarget, load: WriterLoad): Promise<LoadWriter> {
  const child = startRequestChild<WriterRequest, WriterAnswer>('load-writer');
  await child.ask({ kind: 'open', target, load });
  return {
    async write(step) {
      const answer = await child.ask({ kind: 'write', ...step });
      if (answer.kind !== 'written') throw new Error(`The writer answered ${answer.kind}.`);
      return answer.events;
    },
    stop: () => child.stop(),
  };
}
