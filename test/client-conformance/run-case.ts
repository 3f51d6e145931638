import { messageOf } from '../../lib/event/errors';
import { withinTime } from '../../lib/timing/within-time';
import { PUBLISH_LIMIT_MS, REQUEST_TIMEOUT_MS, type CaseContext, type CaseResult, type ConformanceCase } from './case';
import type { Client, OpenClient } from './client';
import { isSound } from './judge';
import type { Testbed } from './testbed';

/** Calls `work` with a context for each client, and closes all clients that it opened. */
export async function withClients<T>(
  testbed: Testbed,
  clients: readonly Client[],
  records: number,
  work: (contexts: readonly CaseContext[]) => Promise<T>,
): Promise<T> {
  const opened: OpenClient[] = [];
  try {
    return await work(
      clients.map((client) => ({
        ...{ testbed, records, clientName: client.name, isControl: client.isControl },
        open({ compression = 'none', route = 'direct' } = {}) {
          const open = limited(
            client.open({
              ...{ brokers: testbed.addresses[route], compression, requestTimeoutMs: REQUEST_TIMEOUT_MS },
              ...(route === 'login' ? { sasl: testbed.login } : {}),
              onRebuilt: () => undefined,
            }),
          );
          opened.push(open);
          return open;
        },
      })),
    );
  } finally {
    await Promise.all(opened.map((open) => open.close().catch(() => undefined)));
  }
}

/** So that a call that never ends is a fault and does not stop the suite. */
const HANGS_MS = 2 * PUBLISH_LIMIT_MS;

function limited(client: OpenClient): OpenClient {
  const limit = <T>(call: string, work: () => Promise<T>): Promise<T> =>
    withinTime(work, { ms: HANGS_MS, onTimeout: () => new Error(`${call} did not end within ${HANGS_MS} ms.`) });
  return {
    publish: (batches) => limit('publish', () => client.publish(batches)),
    close: () => limit('close', () => client.close()),
  };
}

/** Runs a case with one client. Never rejects: what fails is a fault of the result. */
export async function runCase(
  testbed: Testbed,
  client: Client,
  each: ConformanceCase,
  records: number,
): Promise<CaseResult> {
  try {
    return await withClients(testbed, [client], records, async ([context]) =>
      context === undefined ? { faults: ['There is no client.'] } : each.run(context),
    );
  } catch (error) {
    return { faults: [messageOf(error)] };
  }
}

/** The reasons why a result is not the expected one; none if it is. A control must lose messages. */
export function problemsOf({ isControl }: Pick<Client, 'isControl'>, { verdict, faults }: CaseResult): string[] {
  if (!isControl) {
    return [...faults, ...(verdict === undefined || isSound(verdict) ? [] : ['messages are lost, moved or reordered'])];
  }
  if (verdict === undefined || verdict.acknowledged === 0) {
    return ['the control acknowledged nothing, so it proves nothing', ...faults];
  }
  return verdict.lost.length > 0 ? [] : ['the control lost nothing, so it proves nothing', ...faults];
}

/** The figures of a result, as one line. */
export function summaryOf({ verdict, outages, slowestMs, faults }: CaseResult): string {
  if (verdict === undefined) return `${faults.length === 0 ? 'each' : 'not each'} batch has the expected outcome`;
  const { acknowledged, lost, misplaced, reordered, duplicates } = verdict;
  return [
    `${acknowledged.toLocaleString('en-US')} acknowledged`,
    `${lost.length} lost`,
    `${reordered.length} reordered`,
    `${misplaced.length} at another offset`,
    `${duplicates} duplicates`,
    `${outages ?? 0} batches failed`,
    `slowest publish ${((slowestMs ?? 0) / 1_000).toFixed(1)} s`,
  ].join(', ');
}
