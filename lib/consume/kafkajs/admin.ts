import type { Admin, Kafka } from 'kafkajs';
import { withinTime } from '../../timing/within-time';
import { withRepeatedLog } from './repeated-log';

const TIMEOUT_MS = 10_000;

/** A client that may be without `admin`. */
export type MaybeAdmin = Partial<Pick<Kafka, 'admin'>>;

/**
 * Runs `work` on a connection of its own: kafkajs does not recover every connection whose first request failed.
 *
 * @throws Error after 10 seconds, and if the client has no `admin`.
 */
export async function withAdmin<T>(
  kafka: MaybeAdmin,
  signal: AbortSignal,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = withRepeatedLog(kafka, () => kafka.admin?.({ retry: { retries: 0 } }));
  if (admin === undefined) throw new TypeError('The client of Kafka has no admin().');
  const working = admin.connect().then(() => work(admin));
  // An abandoned call can connect again, so the connection is closed only after the call has ended.
  const disconnect = (): Promise<void> => admin.disconnect().catch(() => undefined);
  void working.then(disconnect, disconnect);
  return withinTime(() => working, {
    ms: TIMEOUT_MS,
    onTimeout: () => new Error(`Kafka did not respond within ${TIMEOUT_MS} ms.`),
    signal,
    unref: true,
  });
}
