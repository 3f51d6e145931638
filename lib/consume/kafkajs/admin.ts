import type { Admin, Kafka } from 'kafkajs';
import { withinTime } from '../within-time';
import { withRepeatedLog } from './repeated-log';

const TIMEOUT_MS = 10_000;

/** A client that may be without `admin`. */
export type MaybeAdmin = Partial<Pick<Kafka, 'admin'>>;

/**
 * The result of `work` on a connection of its own: kafkajs does not recover each one whose first request failed.
 *
 * @throws Error after 10 seconds, and if the client has no `admin`.
 */
export async function withAdmin<T>(
  kafka: MaybeAdmin,
  unwanted: AbortSignal,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = withRepeatedLog(kafka, () => kafka.admin?.({ retry: { retries: 0 } }));
  if (admin === undefined) throw new TypeError('The client of Kafka has no admin().');
  const working = admin.connect().then(() => work(admin));
  // A call that was given up can have connected again: the goodbye comes when it has ended.
  const goodbye = (): Promise<void> => admin.disconnect().catch(() => undefined);
  void working.then(goodbye, goodbye);
  return withinTime(() => working, {
    ms: TIMEOUT_MS,
    unwanted,
    tooLate: () => new Error(`Kafka has not answered within ${TIMEOUT_MS} ms.`),
  });
}
