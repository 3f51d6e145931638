import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin } from '../../local/kafka/topics';
import type { Delivery } from '../../test/chaos/history';
import type { ReaderAnswer, ReaderRequest } from '../children/topic-reader';
import { startRequestChild } from './child';

/** A message as the reader found it. `at`: its arrival, by the reader's clock. */
export interface ReadMessage extends Delivery {
  /** The broker's clock when it appended the message, because the topics have `LogAppendTime`. */
  readonly appendedAt: number;
}

/** A consumer of kafkajs in a process of its own, so that no work of the benchmark delays the times that it takes. */
export interface TopicReader {
  counts(): Promise<{ readonly messages: number; readonly events: number }>;
  /** All messages so far. */
  messages(): Promise<readonly ReadMessage[]>;
  stop(): Promise<void>;
}

/** Resolves when the reader is assigned its partitions. It reads from the beginning. */
export async function startReader(
  brokers: readonly string[],
  topics: readonly string[],
  idHeader: string,
): Promise<TopicReader> {
  const child = startRequestChild<ReaderRequest, ReaderAnswer>('topic-reader');
  const folder = mkdtempSync(join(tmpdir(), 'outbox-reader-'));
  await child.ask({ kind: 'read', brokers, topics, idHeader });
  return {
    async counts() {
      const answer = await child.ask({ kind: 'count' });
      if (answer.kind !== 'counted') throw new Error(`The reader answered ${answer.kind}.`);
      return answer;
    },
    async messages() {
      const file = join(folder, 'messages.jsonl');
      await child.ask({ kind: 'write', file });
      const lines = readFileSync(file, 'utf8').split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ReadMessage);
    },
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** All messages of the topics now. */
export async function readTopics(
  brokers: readonly string[],
  topics: readonly string[],
  idHeader: string,
): Promise<readonly ReadMessage[]> {
  const stored = await storedMessages(brokers, topics);
  if (stored === 0) return [];
  const reader = await startReader(brokers, topics, idHeader);
  try {
    const deadline = Date.now() + READ_TIMEOUT_MS;
    while ((await reader.counts()).messages < stored) {
      if (Date.now() > deadline) throw new Error(`The reader did not find the ${stored} messages of ${topics.join()}.`);
      await sleep(POLL_MS);
    }
    return await reader.messages();
  } finally {
    await reader.stop();
  }
}

const READ_TIMEOUT_MS = 120_000;
const POLL_MS = 100;

/** The number of messages in the topics. */
export const storedMessages = (brokers: readonly string[], topics: readonly string[]): Promise<number> =>
  withAdmin(brokers, async (admin) => {
    const offsets = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return offsets.flat().reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  });
