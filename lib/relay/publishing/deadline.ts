import { withinTime } from '../../timing/within-time';

/** A call to Kafka exceeded the relay's deadline. The call continues in the background, and its result is ignored. */
export class KafkaDeadlineExceeded extends Error {
  override readonly name = 'KafkaDeadlineExceeded';

  readonly call: string;
  readonly deadlineMs: number;

  constructor(call: string, deadlineMs: number) {
    super(`Kafka's ${call} did not end within ${deadlineMs} ms.`);
    this.call = call;
    this.deadlineMs = deadlineMs;
  }
}

/** Settles as `work` does, or rejects with `KafkaDeadlineExceeded`. A later rejection of `work` stays handled. */
export const withinDeadline = <T>(work: Promise<T>, call: string, deadlineMs: number): Promise<T> =>
  withinTime(() => work, { ms: deadlineMs, onTimeout: () => new KafkaDeadlineExceeded(call, deadlineMs) });
