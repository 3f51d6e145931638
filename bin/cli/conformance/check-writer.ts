import { shown } from '../../../lib/event/options';
import { SessionError } from '../session';
import { parseAnswer } from './answer';
import { Judge, type VectorResult } from './judge';
import { expand, type Vector } from './vectors';
import { MAX_PRINTED, WriterProcess, type Reply } from './writer-process';

export interface CheckWriterOptions {
  /** For the shell. */
  readonly command: string;
  /** For each answer; the first one includes the start of the writer. */
  readonly timeoutMs: number;
  readonly onResult?: (result: VectorResult) => void;
}

/** A writer that fails so often without an answer is not started again. */
const MAX_LOST_WRITERS = 3;

/** Exit codes of a shell that cannot run a command. */
const NOT_RUNNABLE: ReadonlySet<number | null> = new Set([126, 127]);

/**
 * Asks a writer program for the item of each vector's change, and judges its answers. A program that ends, is late or
 * prints too much is started again for the next vector.
 *
 * @throws SessionError if the command cannot be run
 */
export async function checkWriter(
  vectors: readonly Vector[],
  { command, timeoutMs, onResult = () => undefined }: CheckWriterOptions,
): Promise<readonly VectorResult[]> {
  const judge = new Judge();
  const results: VectorResult[] = [];
  let writer: WriterProcess | undefined;
  let lost = 0;
  try {
    for (const [index, abbreviated] of vectors.entries()) {
      const vector = expand(abbreviated) as Vector;
      let result: VectorResult;
      if (lost === MAX_LOST_WRITERS) {
        result = { name: vector.name, verdict: 'not-run', problems: [] };
      } else {
        writer ??= new WriterProcess(command);
        let reply = await writer.ask(JSON.stringify(vector.change), timeoutMs);
        // No further change shows whether the writer prints another line after its last answer.
        if (reply.kind === 'line' && index === vectors.length - 1) reply = (await writer.stop()) ?? reply;
        if (reply.kind === 'line') {
          result = judge.judge(vector, parseAnswer(reply.line));
        } else {
          assertRunnable(reply, command);
          await writer.stop();
          writer = undefined;
          lost += 1;
          result = { name: vector.name, verdict: 'failed', problems: [problemOf(reply, timeoutMs)] };
        }
      }
      results.push(result);
      onResult(result);
    }
  } finally {
    await writer?.stop();
  }
  return results;
}

function assertRunnable(reply: Reply, command: string): void {
  if (reply.kind !== 'ended' || !NOT_RUNNABLE.has(reply.code)) return;
  throw new SessionError(`conformance: the shell cannot run ${shown(command)}: the writer ${reply.how}`);
}

const ONE_LINE = 'it must print one line for each change, and logs to stderr';

function problemOf(reply: Exclude<Reply, { kind: 'line' }>, timeoutMs: number): string {
  switch (reply.kind) {
    case 'late':
      return `the writer gave no answer within ${timeoutMs / 1000} s`;
    case 'ended':
      return `the writer ${reply.how}`;
    case 'extra':
      return `the writer had printed another line after its last answer: ${shown(reply.line)}; ${ONE_LINE}`;
    case 'flood':
      return `the writer had printed more than ${MAX_PRINTED} characters without an answer; ${ONE_LINE}`;
  }
}
