import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../lib/event/errors';
import { waitUntil } from '../../../local/wait-until';
import { PUBLISH_LIMIT_MS, type CaseContext, type CaseResult } from '../case';
import { judge } from '../judge';
import { Load } from '../load';
import type { Route, Testbed } from '../testbed';
import { createSettledTopics, readClientMessages } from '../topics';

export const PARTITIONS = 12;
const MESSAGES_PER_PARTITION = 20;
/** Between two disturbances. */
export const RUN_MS = 1_500;
const STARTED_MS = 30_000;
const RECOVERED_MS = 60_000;

export interface LoadCase {
  readonly topic: string;
  readonly route?: Route;
  /** Called with the topic of each client before the client is opened. */
  readonly prepare?: (topic: string) => Promise<void>;
  /** Called once each client has acknowledged messages. */
  readonly disturb: (loads: readonly Load[]) => Promise<void>;
}

/**
 * Publishes with each client at the same time while the brokers are disturbed, and until each partition is acknowledged
 * again; then reads the topics. Returns a result for each client.
 */
export async function underLoad(
  testbed: Testbed,
  contexts: readonly CaseContext[],
  { topic, route, prepare, disturb }: LoadCase,
): Promise<CaseResult[]> {
  const running = await Promise.all(
    contexts.map(async ({ clientName, isControl, open }) => {
      const ownTopic = `${topic}-${clientName}`;
      await createSettledTopics(testbed, [{ topic: ownTopic, partitions: PARTITIONS }]);
      await prepare?.(ownTopic);
      const options = { topic: ownTopic, partitions: PARTITIONS, messagesPerPartition: MESSAGES_PER_PARTITION };
      return { topic: ownTopic, isControl, load: new Load(open({ route }), options), faults: new Array<string>() };
    }),
  );
  const stop = new AbortController();
  const giveUp = new AbortController();
  // A control may never publish again.
  const publishing = running.map(({ load, isControl, faults: own }) =>
    load
      .until(stop.signal, (isControl ? stop : giveUp).signal)
      .catch((error: unknown) => own.push(`publish rejected: ${messageOf(error)}`)),
  );
  const faults: string[] = [];
  try {
    const loads = running.map(({ load }) => load);
    await waitUntil('The first acknowledgement of each client', STARTED_MS, () =>
      loads.every(({ acknowledged }) => acknowledged.size > 0) ? true : undefined,
    );
    await sleep(RUN_MS);
    await disturb(loads);
  } catch (error) {
    faults.push(messageOf(error));
  }
  stop.abort();
  const timer = setTimeout(() => giveUp.abort(), RECOVERED_MS);
  await Promise.all(publishing);
  clearTimeout(timer);
  await testbed.cluster.ready();
  return Promise.all(
    running.map(async ({ load, topic: ownTopic, isControl, faults: own }) => {
      const stored = await readClientMessages(testbed, ownTopic);
      return {
        ...{ verdict: judge(load.acknowledged, stored), outages: load.outages, slowestMs: load.slowestMs },
        faults: [...faults, ...own, ...(isControl ? [] : faultsOf(load))],
      };
    }),
  );
}

/** As {@link underLoad}, with one client. */
export async function aloneUnderLoad(context: CaseContext, loadCase: LoadCase): Promise<CaseResult> {
  const [result] = await underLoad(context.testbed, [context], loadCase);
  return result ?? { faults: ['There is no result.'] };
}

/** Resolves when the calls that are in flight have ended: they may acknowledge what was written before a disturbance. */
export async function currentCallsEnded(loads: readonly Load[]): Promise<void> {
  const before = loads.map(({ calls }) => calls);
  await waitUntil('The end of each call', 2 * PUBLISH_LIMIT_MS, () =>
    loads.every(({ calls }, at) => calls > (before[at] ?? 0)) ? true : undefined,
  );
}

/** Resolves when each client has acknowledged more. */
export async function progress(loads: readonly Load[], when: string): Promise<void> {
  const before = loads.map(({ acknowledged }) => acknowledged.size);
  await waitUntil(`An acknowledgement ${when}`, RECOVERED_MS, () =>
    loads.every(({ acknowledged }, at) => acknowledged.size > (before[at] ?? 0)) ? true : undefined,
  );
}

function faultsOf({ refused, failing, slowestMs }: Load): string[] {
  const faults = refused.map((outcome) => `refused: ${outcome.message}`);
  if (failing.length > 0) faults.push(`partitions ${failing.join(', ')} were not acknowledged again`);
  if (slowestMs > PUBLISH_LIMIT_MS) faults.push(`a call of publish took more than ${PUBLISH_LIMIT_MS} ms`);
  return faults;
}
