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
export function withinDeadline<T>(work: Promise<T>, call: string, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new KafkaDeadlineExceeded(call, deadlineMs)), deadlineMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
